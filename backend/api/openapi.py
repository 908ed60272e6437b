"""The OpenAPI document, made to say what is true: every refusal is a problem, declared for every route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.errors import MEDIA_TYPE
from backend.schemas import Problem

_DESCRIPTIONS = {
    400: "The body cannot be read.",
    401: "A token is needed.",
    403: "Refused: a foreign page or host name.",
    404: "There is no such thing.",
    408: "The rest of the body did not come in time.",
    409: "In conflict with what is there.",
    410: "It was there and is gone.",
    413: "Too large.",
    415: "Another media type is needed.",
    429: "Too much at once; `Retry-After` says when to ask again.",
    422: "What was sent cannot be used; `errors` says why.",
    500: "An accident.",
    502: "The language model's endpoint failed.",
    503: "Not at the moment.",
    507: "No room left.",
}
ALWAYS = (400, 401, 403, 408, 413, 422, 500, 503)
"""What any request may be answered with."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses that a route declares besides those that any may give."""
    return {status: _problem(status) for status in statuses}


def install(app: FastAPI) -> None:
    """Serve the corrected document instead of the one FastAPI makes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["OpenAIError"] = _OPENAI_ERROR
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _declare(operation["responses"], openai=path.startswith("/v1/"))
    return document


def _declare(responses: dict[str, Any], *, openai: bool) -> None:
    responses.pop("422", None)  # FastAPI's own form of it, which nobody is ever sent
    for code in ALWAYS:
        own = responses.setdefault(str(code), _problem(code))
        own["content"].update(_problem(code)["content"])
    if openai:
        for name, response in responses.items():
            if name >= "400":
                response["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}}


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": _DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_OPENAI_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
