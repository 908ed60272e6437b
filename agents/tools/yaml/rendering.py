"""Makes the request of a call: every value encoded for where it stands, so that none changes the request's shape."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from agents.errors import ToolFailed
from agents.tools.http.client import HttpRequest
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.definition import Parameter
from agents.tools.yaml.moments import Clock, seconds_of, written_as
from agents.tools.yaml.template import AFTER, PATH, Template, as_text

_ABSENT = object()


def render(
    tool: Compiled, arguments: Mapping[str, Any], secrets: Mapping[str, str], clock: Clock = time.time
) -> HttpRequest:
    """The request for these arguments, which meet the tool's schema. Raises ToolFailed for values that fit nowhere."""
    return _Rendering(tool, arguments, secrets, clock()).request()


def values_of(tool: Compiled, arguments: Mapping[str, Any], now: float) -> dict[str, Any]:
    """A value for each parameter, None where there is none. Raises ToolFailed for what is missing or not allowed."""
    return {name: _value(name, each, arguments, now) for name, each in tool.parameters.items()}


def _value(name: str, parameter: Parameter, arguments: Mapping[str, Any], now: float) -> Any:
    value = arguments.get(name)
    value = parameter.default if value is None else value
    if value is None:
        if parameter.required:
            raise ToolFailed(f"{name} is needed.")
        return None
    if parameter.time:
        return written_as(seconds_of(as_text(name, value), now), parameter.time)
    known = parameter.enum if parameter.paths is None else list(parameter.paths)
    if known is not None and value not in known:
        raise ToolFailed(f"{name} is one of {', '.join(map(str, known))}.")
    return value


class _Rendering:
    def __init__(self, tool: Compiled, arguments: Mapping[str, Any], secrets: Mapping[str, str], now: float) -> None:
        self._tool = tool
        self._secrets = secrets
        moments = {"@now": written_as(now, "rfc3339"), "@now_unix": written_as(now, "unix")}
        self._values = {**values_of(tool, arguments, now), **moments}
        for name, each in tool.parameters.items():
            if each.encode and self._values[name] is not None:
                text = as_text(name, self._values[name])
                self._values[name], self._values[name + AFTER] = _base64(text), _base64_after(text)

    def request(self) -> HttpRequest:
        definition = self._tool.definition.request
        headers = {
            name: template.render(self._values, self._secrets, _header)
            for name, template in self._tool.headers.items()
            if not template.lacks(self._values)
        }
        body, media_type = self._body()
        if body:
            headers["Content-Type"] = definition.media_type or media_type
        query = self._query()
        target = self._path() + (f"?{query}" if query else "")
        return HttpRequest(method=definition.method, target=target, headers=headers, body=body)

    def _path(self) -> str:
        parts = [
            part.template.render(self._values, self._secrets, self._segment)
            for part in self._tool.path
            if not (part.optional and part.template.lacks(self._values))
        ]
        return "".join(parts)

    def _segment(self, name: str, value: Any) -> str:
        parameter = self._tool.parameters.get(name.removesuffix(PATH))
        text = as_text(name, value)
        if name.endswith(PATH) and parameter is not None and parameter.paths:
            return parameter.paths[text]
        parts = text.split("/") if parameter is not None and parameter.slashes else [text]
        if not text.strip() or any(each in (".", "..") for each in parts):
            raise ToolFailed(f"{name} must not be empty, `.` or `..`: it is a part of a path.")
        return "/".join(quote(each, safe="") for each in parts)

    def _query(self) -> str:
        if isinstance(self._tool.query, Template):
            return urlencode(_pairs_of(self._resolved(self._tool.query)), quote_via=quote)
        return urlencode(self._pairs(self._tool.query), quote_via=quote)

    def _pairs(self, entries: Mapping[str, Any]) -> list[tuple[str, str]]:
        resolved = {name: value for name, each in entries.items() if (value := self._resolved(each)) is not _ABSENT}
        for name in self._tool.definition.request.comma:
            if isinstance(resolved.get(name), list):
                resolved[name] = ",".join(as_text(name, each) for each in resolved[name])
        return _pairs_of(resolved)

    def _body(self) -> tuple[bytes, str]:
        form = self._tool.form
        if form is not None:
            pairs = _pairs_of(self._resolved(form)) if isinstance(form, Template) else self._pairs(form)
            return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
        if self._tool.json_body is None:
            return b"", ""
        value = self._resolved(self._tool.json_body)
        if value is _ABSENT:
            return b"", ""
        return json.dumps(value, ensure_ascii=False).encode(), "application/json"

    def _resolved(self, tree: Any) -> Any:
        """The tree with values for templates; what lacks a value is left out. A template that is a variable alone takes
        its value as it is, whatever its type."""
        if isinstance(tree, Template):
            if tree.lacks(self._values):
                return _ABSENT
            if tree.only_variable:
                return self._values[tree.only_variable]
            return tree.render(self._values, self._secrets, as_text)
        if isinstance(tree, Mapping):
            made = {name: self._resolved(each) for name, each in tree.items()}
            return {name: each for name, each in made.items() if each is not _ABSENT}
        if isinstance(tree, list):
            return [value for each in tree if (value := self._resolved(each)) is not _ABSENT]
        return tree


def _pairs_of(entries: Any) -> list[tuple[str, str]]:
    if entries is _ABSENT:
        return []
    if not isinstance(entries, Mapping):
        raise ToolFailed("The query is an object: names and values.")
    pairs: list[tuple[str, str]] = []
    for name, value in entries.items():
        for each in value if isinstance(value, list) else [value]:
            pairs.append((str(name), as_text(str(name), each)))
    return pairs


def _base64(text: str) -> str:
    """The bytes of the text; of none a zero byte, which comes before all keys there can be."""
    return base64.b64encode(text.encode("utf-8", "surrogateescape") or b"\x00").decode("ascii")


def _base64_after(text: str) -> str:
    """The first key after all that begin with the text; a zero byte where there is none."""
    prefix = text.encode("utf-8", "surrogateescape").rstrip(b"\xff")
    return base64.b64encode(prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\x00").decode("ascii")


def _header(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not text.isascii() or not text.isprintable():
        raise ToolFailed(f"{name} stands in a header: it must be printable ASCII, without line breaks.")
    return text
