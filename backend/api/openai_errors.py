"""Refusals as the OpenAI protocol spells them, so that its clients raise what they would for OpenAI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

RETRY_AFTER_SECONDS = 5

_CODES = {
    "token_required": (401, "invalid_api_key"),
    "busy": (429, "rate_limit_exceeded"),
    "too_many_attempts": (429, "rate_limit_exceeded"),
}
"""The statuses and codes that OpenAI has for errors of ours."""

_REASONS = {"extra_forbidden": "unknown_parameter", "missing": "missing_required_parameter"}


def openai_error(
    status: int, code: str, detail: str, *, param: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error object with `message`, `type`, `param` and `code`. What cannot be used is a 400 there, never a 422."""
    status, code = _CODES.get(code, (400 if status == 422 else status, code))
    body = {"error": {"message": detail, "type": _type(status), "param": param, "code": code}}
    given = {**headers_of(code), **(headers or {})}
    return Response(json.dumps(body), status, headers=given, media_type="application/json")


def refused_parameter(error: Mapping[str, Any]) -> Response:
    """The answer to a body that cannot be used, for the first thing that is wrong with it (as pydantic tells it)."""
    if error["type"] == "json_invalid":
        return openai_error(400, "malformed_body", "The body cannot be read; send JSON in UTF-8.")
    param = _param(error["loc"][1:])
    if error["type"] == "extra_forbidden":
        return openai_error(400, "unknown_parameter", f"Unknown parameter: '{param}'.", param=param)
    message = str(error["msg"])[:300].encode("utf-8", "replace").decode()
    code = _REASONS.get(error["type"], "invalid_value")
    return openai_error(400, code, f"{param}: {message}" if param else message, param=param)


def headers_of(code: str) -> dict[str, str]:
    """The headers that go with an error."""
    if code in ("token_required", "invalid_api_key"):
        return {"WWW-Authenticate": "Bearer"}
    if code in ("busy", "too_many_attempts", "rate_limit_exceeded"):
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def _type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return {403: "permission_error", 429: "requests"}.get(status, "invalid_request_error")


def _param(location: Sequence[Any]) -> str | None:
    """`messages[0].role`, without what tells the members of a union apart."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif str(part).isidentifier() and not (text and str(part) in ("str", "int", "list")):
            text += f".{part}" if text else str(part)
        elif not text:
            text = str(part)
    return text[:300].encode("utf-8", "replace").decode() or None
