"""Where the OpenAPI document of a stranger is made into tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agents.errors import ToolsetInvalid
from agents.tools.openapi.document import read_document
from agents.tools.openapi.operations import import_operations
from tests.growth.harness import TextPath

Schemas = dict[str, Any]


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _document(paths: dict[str, Any], schemas: Schemas | None = None, **more: Any) -> str:
    shown = {"openapi": "3.0.0", "info": {"title": "a", "version": "1"}, "servers": [{"url": "https://a.example"}]}
    return json.dumps({**shown, "paths": paths, "components": {"schemas": schemas or {}}, **more})


def _taking(schema: Any, **more: Any) -> dict[str, Any]:
    """One operation that takes a body of this schema."""
    body = {"content": {"application/json": {"schema": schema}}}
    return {"/a": {"post": {"operationId": "a", "requestBody": body, "responses": {}, **more}}}


def _nested(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(min(depth, 300)):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def _operations(size: int) -> str:
    return _document({f"/a{n}/{{b}}": {"get": {"operationId": f"a{n}", "responses": {}}} for n in range(size // 60)})


def _parameters(size: int) -> str:
    given = [{"name": f"p{n}", "in": "query", "schema": {"type": "string"}} for n in range(size // 60)]
    return _document({"/a": {"get": {"operationId": "a", "parameters": given, "responses": {}}}})


def _chain(size: int) -> str:
    count = size // 90
    return _document(
        _taking(_ref("s0")),
        {f"s{n}": {"type": "object", "properties": {"a": _ref(f"s{n + 1}")}} for n in range(count)},
    )


def _doubling(size: int) -> str:
    count = size // 160
    return _document(
        _taking(_ref("s0")),
        {
            f"s{n}": {"type": "object", "properties": {"a": _ref(f"s{n + 1}"), "b": _ref(f"s{n + 1}")}}
            for n in range(count)
        },
    )


def _joined(size: int) -> str:
    count = size // 90
    parts = {f"s{n}": {"allOf": [_ref(f"s{n + 1}"), _ref(f"s{n + 1}")]} for n in range(count)}
    return _document(_taking(_ref("s0")), parts)


def _circle(size: int) -> str:
    count = max(1, size // 90)
    parts = {f"s{n}": {"anyOf": [_ref(f"s{(n + 1) % count}"), _ref("s0")]} for n in range(count)}
    return _document(_taking(_ref("s0")), parts)


def _shared(size: int) -> str:
    """Many operations that all take one large body."""
    wide = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "description": "word " * 9} for n in range(60)},
    }
    body = {"content": {"application/json": {"schema": _ref("wide")}}}
    paths = {
        f"/a{n}": {"post": {"operationId": f"a{n}", "requestBody": body, "responses": {}}} for n in range(size // 150)
    }
    return _document(paths, {"wide": wide})


MADE: dict[str, Callable[[int], str]] = {
    "operations": _operations,
    "parameters": _parameters,
    "chain": _chain,
    "doubling": _doubling,
    "joined": _joined,
    "circle": _circle,
    "shared body": _shared,
    "depth": lambda size: _document(_taking(_nested(size // 40))),
    "choices": lambda size: _document(_taking({"enum": [f"c{n}" for n in range(size // 8)]})),
    "alternatives": lambda size: _document(_taking({"oneOf": [{"type": "string"}] * (size // 20)})),
    "required": lambda size: _document(_taking({"type": "object", "required": ["a"] * (size // 5)})),
    "description": lambda size: _document(_taking({"type": "string"}, description="*a [b](c) " * (size // 10))),
    "path": lambda size: _document({"/" + "{a}" * (size // 3): {"get": {"responses": {}}}}),
    "tags": lambda size: _document(_taking({"type": "string"}, tags=["a"] * (size // 5))),
    "servers": lambda size: _document({}, servers=[{"url": "https://{a}.example"}] * (size // 30)),
    "brackets": lambda size: "[" * size,
    "lines": lambda size: "openapi: 3.0.0\n" + "a: b\n" * (size // 5),
}


def _imported(text: str) -> None:
    with suppress(ToolsetInvalid):
        import_operations(read_document(text), "a")


PATHS = [TextPath(f"openapi/{name}", make, _imported, 400_000) for name, make in MADE.items()]
