"""Reads a document: bounded, JSON or YAML, its references resolved within it and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.errors import ToolsetInvalid
from agents.tools.bounded_json import TooDeep, read_bounded_json
from agents.tools.yaml.loading import load_yaml

LONGEST = 40_000_000
_MOST_ALIASES = 10_000
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_DEEPEST_REFERENCE = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path, as written; `shared` are the parameters of the path."""

    method: str
    path: str
    value: Mapping[str, Any]
    shared: tuple[Any, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"[:300]


class Unresolved(Exception):
    """A reference that leads nowhere; the text says to where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document of version 2 or 3. `base_path` is what it says that its paths are below; nothing else of where it says
    its servers are is read."""

    value: Mapping[str, Any]
    major: int
    title: str
    base_path: str

    def operations(self) -> Iterator[Operation]:
        """Every operation, in order."""
        paths = self.value.get("paths")
        for path, entry in paths.items() if isinstance(paths, Mapping) else ():
            item = self._item(entry)
            shared = item.get("parameters")
            for method in _METHODS:
                if isinstance(item.get(method), Mapping):
                    yield Operation(
                        method=method.upper(),
                        path=str(path),
                        value=item[method],
                        shared=tuple(shared) if isinstance(shared, list) else (),
                    )

    def resolve(self, value: Any) -> Any:
        """What a reference refers to in the end, anything else as it is. Raises Unresolved."""
        for _ in range(_DEEPEST_REFERENCE):
            if not isinstance(value, Mapping) or not isinstance(value.get("$ref"), str):
                return value
            value = self._at(value["$ref"])
        raise Unresolved("a reference refers to itself")

    def _item(self, entry: Any) -> Mapping[str, Any]:
        try:
            found = self.resolve(entry)
        except Unresolved:
            return {}
        return found if isinstance(found, Mapping) else {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise Unresolved(f"it refers to another document ({reference[:100]}), which is not read")
        found: Any = self.value
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            if not isinstance(found, Mapping) or name not in found:
                raise Unresolved(f"it refers to {reference[:100]}, which is not there")
            found = found[name]
        return found


def read_document(text: str) -> Document:
    """The document in a text. Raises ToolsetInvalid with what is wrong."""
    if len(text) > LONGEST:
        raise ToolsetInvalid(f"The document is longer than {LONGEST:,} characters.")
    value = _loaded(text)
    if not isinstance(value, Mapping):
        raise ToolsetInvalid("This is no OpenAPI document: it is not an object.")
    version = str(value.get("openapi") or value.get("swagger") or "")
    if version.split(".")[0] not in ("2", "3"):
        raise ToolsetInvalid("This is no OpenAPI document: neither `openapi: 3.…` nor `swagger: '2.0'` stands in it.")
    if not isinstance(value.get("paths"), Mapping) or not value["paths"]:
        raise ToolsetInvalid("The document has no paths, so there is nothing to call.")
    info = value.get("info")
    title = str(info.get("title", "")) if isinstance(info, Mapping) else ""
    major = int(version[0])
    return Document(value=value, major=major, title=title[:200], base_path=_base_path(value, major))


def _loaded(text: str) -> Any:
    try:
        return read_bounded_json(text)
    except TooDeep as error:
        raise ToolsetInvalid(f"The document cannot be read: {error}.") from None
    except ValueError:
        pass
    try:
        return load_yaml(text, longest=LONGEST, aliases=_MOST_ALIASES)
    except ToolsetInvalid as error:
        raise ToolsetInvalid(f"This is no JSON. {error}") from None


def _base_path(value: Mapping[str, Any], major: int) -> str:
    from urllib.parse import urlsplit

    if major == 2:
        return str(value.get("basePath") or "")[:200]
    servers = value.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    url = first.get("url") if isinstance(first, Mapping) else ""
    try:
        return urlsplit(str(url or "")).path[:200]
    except ValueError:
        return ""
