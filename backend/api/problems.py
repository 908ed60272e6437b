"""Every refusal as problem+json: named errors, refused bodies, unknown routes and, at the outermost edge, accidents.
Under /v1 it is told as the OpenAI protocol tells it: see backend.api.openai_errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.api.openai_errors import headers_of, openai_error, refused_parameter
from backend.errors import MEDIA_TYPE, NamedError, problem, status_of

log = structlog.get_logger(__name__)

_CODES = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "wrong_media_type",
}
_SENTENCES = {
    400: "The body cannot be read; send JSON in UTF-8.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    408: "The rest of the body did not come in time.",
    413: "The body is larger than this server takes.",
}
INTERNAL = "Something went wrong in the server; its log says what, under this request's X-Request-Id."


class ProblemResponse(Response):
    """A problem detail object as a response."""

    media_type = MEDIA_TYPE


def respond(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Response:
    """The response that tells the caller of this path what went wrong."""
    if path.startswith("/v1/"):
        return openai_error(status, code, detail, headers=headers)
    content = json.dumps(
        problem(status, code, detail, instance=path[:500], errors=errors, details=details), ensure_ascii=True
    )
    return ProblemResponse(content, status, headers=dict(headers or {}))


def respond_to(path: str, error: Exception) -> Response:
    """The response to an error of ours, or to an accident, which is logged and not explained."""
    if isinstance(error, NamedError):
        code, detail = str(error.code), str(error) or type(error).__name__
        if path.startswith("/v1/"):
            return openai_error(status_of(code), code, detail, param=getattr(error, "param", None))
        return respond(
            path,
            status_of(code),
            code,
            detail,
            errors=getattr(error, "errors", ()),
            headers=headers_of(code),
            details=getattr(error, "details", None),
        )
    if isinstance(error, DataError):
        return respond(path, 422, "invalid_input", "Something in this request cannot be stored.")
    if isinstance(error, OperationalError):
        log.error("database unavailable", reason=str(error.orig))
        return respond(path, 503, "not_ready", "The database does not answer; try again in a moment.")
    log.error("request failed", exc_info=error)
    return respond(path, 500, "internal_error", INTERNAL)


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem."""

    async def named(request: Request, error: Exception) -> Response:
        return respond_to(request.url.path, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        code, detail = _CODES.get(status, "http_error"), _SENTENCES.get(status, str(error.detail))
        return respond(request.url.path, status, code, detail, headers=error.headers)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if request.url.path.startswith("/v1/"):
            return refused_parameter(error.errors()[0])
        found = [_field_error(each) for each in error.errors()[:50]]
        if any(each["code"] == "json_invalid" for each in found):
            return respond(request.url.path, 400, "malformed_body", _SENTENCES[400], errors=found)
        detail = "; ".join(f"{each['field']}: {each['message']}" for each in found[:3])
        return respond(request.url.path, 422, "invalid_input", detail[:1000], errors=found)

    for kind in NamedError:
        app.add_exception_handler(kind, named)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, refused)


def _field_error(error: Any) -> dict[str, Any]:
    """Where and why, without repeating what was sent: it may be huge, secret or impossible to encode."""
    field = ".".join(str(part) for part in error["loc"]).encode("utf-8", "replace").decode()
    return {
        "field": field[:300],
        "message": str(error["msg"])[:300].encode("utf-8", "replace").decode(),
        "code": error["type"],
    }
