"""Makes of every operation a tool, or a refusal that says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.tools.openapi.answers import answer_schema
from agents.tools.openapi.document import Document, Operation, Unresolved
from agents.tools.openapi.naming import argument_name, snake, tool_name
from agents.tools.openapi.schemas import SchemaMaker, shortened, size_of

MOST_OPERATIONS = 5_000
_MOST_PARAMETERS = 60
_LARGEST_SCHEMA = 24_000
_VARIABLE = re.compile(r"\{([^{}/]{1,200})\}")
_CALLABLE = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_UNHEARD = frozenset(("accept", "content-type", "authorization", "cookie", "host", "user-agent", "content-length"))
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_DOES = frozenset(
    (
        "attach", "create", "delete", "destroy", "disable", "enable", "exec", "execute", "install", "kill",
        "logout", "pause", "portforward", "proxy", "purge", "reboot", "remove", "reset", "restart", "restore",
        "resume", "revoke", "run", "shutdown", "start", "stop", "terminate", "trigger", "uninstall", "unlock",
    )
)  # fmt: skip
"""Words in the name of a GET that say that it does something, whatever its method promises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An operation that no tool was made of, and why."""

    operation: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """The tools of a document, as records that can be stored, and what was refused."""

    title: str
    base_path: str
    tools: tuple[dict[str, Any], ...]
    refusals: tuple[Refusal, ...] = field(default=())


class _Refused(Exception):
    pass


def import_operations(document: Document, prefix: str) -> Imported:
    """Every operation as a tool or a refusal; never more than 5,000 tools."""
    maker = SchemaMaker(document)
    tools: dict[str, dict[str, Any]] = {}
    refusals: list[Refusal] = []
    for operation in document.operations():
        try:
            if len(tools) >= MOST_OPERATIONS:
                raise _Refused(f"the document has more than {MOST_OPERATIONS:,} operations")
            record = _Maker(document, maker, operation).record()
        except (_Refused, Unresolved) as error:
            refusals.append(Refusal(operation=operation.label, reason=str(error)))
            continue
        name = tool_name(prefix, str(operation.value.get("operationId") or ""), operation.method, operation.path, tools)
        if name in tools:
            refusals.append(Refusal(operation=operation.label, reason="it is in the document twice"))
            continue
        tools[name] = {"name": name, **record}
    return Imported(
        title=document.title, base_path=document.base_path, tools=tuple(tools.values()), refusals=tuple(refusals)
    )


class _Maker:
    """Makes the record of one operation."""

    def __init__(self, document: Document, maker: SchemaMaker, operation: Operation) -> None:
        self._document = document
        self._schemas = maker
        self._operation = operation
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._merged: dict[tuple[str, str], Mapping[str, Any]] = {}

    def record(self) -> dict[str, Any]:
        operation = self._operation
        if operation.method not in _CALLABLE:
            raise _Refused(f"the method {operation.method} is not called")
        if operation.value.get("x-kubernetes-action") in ("watch", "watchlist") or "/watch/" in operation.path:
            raise _Refused("its answer has no end (a watch)")
        if "?" in operation.path or "#" in operation.path:
            raise _Refused("its path holds a query or a fragment")
        parameters = list(self._parameters())
        body = self._body()
        self._check_path(parameters)
        risk = _risk(operation)
        words = operation.value.get("summary") or operation.value.get("description") or ""
        more = operation.value.get("description") or ""
        described = f"{words}. {more}" if more and more != words else str(words)
        schema = {"type": "object", "properties": self._properties, "additionalProperties": False}
        if self._required:
            schema["required"] = self._required
        self._shrink(schema)
        tags = operation.value.get("tags")
        return {
            "method": operation.method,
            "path": operation.path,
            "title": shortened(str(words), 120),
            "description": shortened(f"{described} ({operation.label})".strip(), 900),
            "tags": [str(each)[:60] for each in tags[:3]] if isinstance(tags, list) else [],
            "risk": risk,
            "on": operation.method in ("GET", "HEAD") and risk == "read",
            "parameters": parameters,
            "body": body,
            "schema": schema,
            "answer": answer_schema(self._document, self._schemas, operation),
        }

    def _parameters(self) -> Iterator[dict[str, Any]]:
        self._merged = self._written()
        for (place, name), found in self._merged.items():
            if place == "cookie" and found.get("required") is True:
                raise _Refused("it needs a cookie")
            if place == "header" and name.lower() not in _UNHEARD and _HEADER.fullmatch(name):
                yield self._parameter(place, name, found)
            elif place in ("path", "query"):
                made = self._simple(place, name, found)
                if made is not None:
                    yield made

    def _written(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The parameters by place and name; those of the operation stand for those of its path."""
        merged: dict[tuple[str, str], Mapping[str, Any]] = {}
        own = self._operation.value.get("parameters")
        for each in (*self._operation.shared, *(own if isinstance(own, list) else ())):
            found = self._document.resolve(each)
            if isinstance(found, Mapping) and isinstance(found.get("name"), str):
                merged[str(found.get("in")), found["name"]] = found
        if len(merged) > _MOST_PARAMETERS:
            raise _Refused(f"it has more than {_MOST_PARAMETERS} parameters")
        return merged

    def _simple(self, place: str, name: str, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """A parameter that is written as text; an object has no one way of being written, so it is left out."""
        schema = self._schemas.make(found.get("schema", _swagger_schema(found)))
        if schema.get("type") == "object" or "content" in found:
            if found.get("required") is True:
                raise _Refused(f"its parameter {name[:60]!r} is an object in the {place}")
            return None
        return self._parameter(place, name, found)

    def _parameter(self, place: str, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
        schema = self._schemas.make(found.get("schema", _swagger_schema(found)))
        if found.get("description"):
            schema["description"] = shortened(str(found["description"]))
        schema.setdefault("type", "string")
        argument = argument_name(name, place, self._properties)
        self._properties[argument] = schema
        required = place == "path" or found.get("required") is True
        if required:
            self._required.append(argument)
        made = {"argument": argument, "name": name, "in": place, "required": required}
        if schema["type"] == "array" and place == "query":
            made["separate"] = _is_exploded(found)
        if found.get("allowReserved") is True or (name == "path" and place == "path"):
            made["slashes"] = True
        return made

    def _body(self) -> dict[str, Any] | None:
        if self._operation.method in ("GET", "HEAD"):
            return None
        if self._document.major == 2:
            return self._swagger_body()
        body = self._document.resolve(self._operation.value.get("requestBody"))
        content = body.get("content") if isinstance(body, Mapping) else None
        if not isinstance(content, Mapping) or not content:
            return None
        media_type, form = _chosen(list(content))
        entry = self._document.resolve(content[media_type])
        schema = entry.get("schema") if isinstance(entry, Mapping) else {}
        return self._body_argument(schema, body.get("required") is True, form, media_type, body.get("description"))

    def _swagger_body(self) -> dict[str, Any] | None:
        fields = {name: each for (place, name), each in self._merged.items() if place == "formData"}
        for (place, _), found in self._merged.items():
            if place == "body":
                consumes = self._operation.value.get("consumes") or self._document.value.get("consumes") or []
                media_type, form = _chosen([str(each) for each in consumes] or ["application/json"])
                description = found.get("description")
                required = found.get("required") is True
                return self._body_argument(found.get("schema"), required, form, media_type, description)
        if not fields:
            return None
        if any(each.get("type") == "file" for each in fields.values()):
            raise _Refused("it takes a file")
        needed = [name for name, each in fields.items() if each.get("required") is True]
        schema = {"type": "object", "properties": {name: _swagger_schema(each) for name, each in fields.items()}}
        schema["required"] = needed
        return self._body_argument(schema, bool(needed), True, "application/x-www-form-urlencoded", None)

    def _body_argument(
        self, schema: Any, required: bool, form: bool, media_type: str, description: Any
    ) -> dict[str, Any]:
        argument = argument_name("body", "json", self._properties)
        made = self._schemas.make(schema)
        if description and "description" not in made:
            made["description"] = shortened(str(description))
        self._properties[argument] = made
        if required:
            self._required.append(argument)
        return {"argument": argument, "form": form, "media_type": media_type, "required": required}

    def _check_path(self, parameters: list[dict[str, Any]]) -> None:
        """Every variable of the path has a parameter; one that the document forgot is a text."""
        named = {each["name"] for each in parameters if each["in"] == "path"}
        for name in dict.fromkeys(_VARIABLE.findall(self._operation.path)):
            if name not in named:
                parameters.append(self._parameter("path", name, {"type": "string"}))
        if re.search(r"[{}]", _VARIABLE.sub("", self._operation.path)):
            raise _Refused("its path cannot be read")

    def _shrink(self, schema: dict[str, Any]) -> None:
        """A schema that is too much for a model keeps its arguments, the larger of them open."""
        if size_of(schema) <= _LARGEST_SCHEMA:
            return
        for name, each in sorted(self._properties.items(), key=lambda pair: -size_of(pair[1])):
            kept = {key: value for key, value in each.items() if key in ("type", "description")}
            self._properties[name] = {
                **kept,
                "description": f"{kept.get('description', '')} (see the API's documentation)",
            }
            if size_of(schema) <= _LARGEST_SCHEMA:
                return
        raise _Refused("its arguments are too many to be described")


def _risk(operation: Operation) -> str:
    if operation.method == "DELETE":
        return "destructive"
    if operation.method not in ("GET", "HEAD"):
        return "write"
    last = operation.path.rstrip("/").rsplit("/", 1)[-1]
    last = "" if last.startswith("{") else last
    # Kubernetes' own mark of what passes through to a pod, as exec does.
    if operation.value.get("x-kubernetes-action") == "connect":
        return "write"
    words = {*snake(last).split("_"), *snake(str(operation.value.get("operationId") or "")).split("_")[:2]}
    return "unknown" if words & _DOES else "read"


def _swagger_schema(found: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that Swagger 2 writes beside a parameter's name."""
    return {name: value for name, value in found.items() if name not in ("name", "in", "required", "schema")}


def _is_exploded(found: Mapping[str, Any]) -> bool:
    """Whether items of an array are sent each for itself (`a=1&a=2`)."""
    if "collectionFormat" in found or "schema" not in found:
        return bool(found.get("collectionFormat") == "multi")
    return bool(found.get("explode", found.get("style", "form") == "form"))


def _chosen(media_types: list[str]) -> tuple[str, bool]:
    """The media type that is sent, and whether it is a form. Raises _Refused for those that are neither."""
    for each in media_types:
        if each in ("application/json", "*/*"):
            return each, False
    for each in media_types:
        if each.partition(";")[0].strip().endswith(("+json", "/json")):
            return each, False
    for each in media_types:
        if each.startswith("application/x-www-form-urlencoded"):
            return each, True
    raise _Refused(f"it takes {', '.join(media_types)[:100]}, which is neither JSON nor a form")
