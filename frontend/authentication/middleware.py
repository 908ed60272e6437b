"""Authentication and origin checks before every request and websocket, and the login page beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontend.authentication.origin_policy import Policy
from frontend.authentication.proxies import Proxies, Visit
from frontend.authentication.sessions import COOKIE, ApiUnreachable, Sessions, TooManyAttempts, session_cookie

LOGIN_PAGE = Path(__file__).resolve().parent / "login.html"
OPEN_PATHS = frozenset({"/login", "/_stcore/health"})
LARGEST_LOGIN = 4_096
COOKIE_SECONDS = 30 * 24 * 3600

UNREACHABLE = "The API does not answer. Start it, then reload this page."
TWICE = "A header that may come once came several times."
NO_TOKEN = "The API asks nobody for a token, so this page is not served to other machines. Set CHATBOT_TOKEN."


class AuthenticationMiddleware:
    """Refuses foreign pages, sends strangers to the login page, and tells browsers to load nothing from elsewhere."""

    def __init__(self, app: ASGIApp, *, policy: Policy, sessions: Sessions, proxies: Proxies | None = None) -> None:
        self._app = app
        self._policy = policy
        self._admission = sessions
        self._proxies = proxies or Proxies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        visit = self._proxies.visit(scope)
        refusal = TWICE if visit is None else self._policy.refusal(visit.headers, visit.scheme)
        if visit is None or refusal:
            await _answer(PlainTextResponse(refusal, status_code=403), scope, receive, send)
            return
        scope.setdefault("state", {})["visit"] = visit
        headers = visit.headers
        answer = await self._stop_strangers(scope, headers)
        if answer is not None:
            await _answer(answer, scope, receive, send)
            return
        await self._app(scope, receive, _protecting(send, headers["host"]) if scope["type"] == "http" else send)

    async def _stop_strangers(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        if scope["path"] in OPEN_PATHS:
            return None
        verdict = await self._admission.judge(session_cookie(headers.get("cookie", "")))
        if verdict == "token_required":
            wants_page = scope["type"] == "http" and "text/html" in headers.get("accept", "")
            if not wants_page:
                return PlainTextResponse("Give the token at /login first.", status_code=401)
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            return RedirectResponse(f"/login?next={quote(scope['path'] + query, safe='')}", status_code=303)
        if self._policy.concerns_us_alone(headers):
            return None  # an API that is away is shown as such by the pages themselves
        if verdict == "unreachable":
            return PlainTextResponse(UNREACHABLE, status_code=503)
        return PlainTextResponse(NO_TOKEN, status_code=503) if verdict == "open" else None


async def show_login(request: Request) -> Response:
    """The form that asks for the token, in the language of the browser."""
    return _login_page(request)


async def log_in(request: Request, sessions: Sessions) -> Response:
    """Trades the token for a cookie that scripts cannot read, and goes on to where the stranger was heading."""
    visit: Visit = request.state.visit
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_LOGIN:
            return _login_page(request, problem="wrong", status=413)
    token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    try:
        value = await sessions.trade(token, visit.client) if token else None
    except ApiUnreachable:
        return _login_page(request, problem="unreachable", status=503)
    except TooManyAttempts:
        return _login_page(request, problem="slow", status=429)
    if value is None:
        return _login_page(request, problem="wrong", status=401)
    response = RedirectResponse(_local_path(request.query_params.get("next", "/")), status_code=303)
    secure = visit.scheme == "https"
    response.set_cookie(COOKIE, value, max_age=COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure)
    return response


async def log_out(request: Request, sessions: Sessions) -> Response:
    """Ends the session, so that its cookie is worth nothing any more, and makes the browser forget it."""
    await sessions.end(session_cookie(request.headers.get("cookie", "")))
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=request.state.visit.scheme == "https")
    return response


def _login_page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    language = "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
    page = LOGIN_PAGE.read_text(encoding="utf-8")
    page = page.replace("{language}", language).replace("{problem}", problem)
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return HTMLResponse(
        page, status_code=status, headers={"content-security-policy": policy, "cache-control": "no-store"}
    )


def _local_path(target: str) -> str:
    """The target, if it is a path of ours; browsers take `//host` and `/\\host` for another host."""
    fine = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if fine else "/"


def _protecting(send: Send, host: str) -> Send:
    """Adds headers with which the browser itself refuses remote pictures, frames around us and leaks of our address."""
    policy = (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
        "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        f"worker-src 'self' blob:; connect-src 'self' blob: data: ws://{host} wss://{host}; frame-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )

    async def protect(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("content-security-policy", policy)
            headers["x-content-type-options"] = "nosniff"
            headers["x-frame-options"] = "DENY"
            headers["referrer-policy"] = "same-origin"  # none at all would make our own forms send `Origin: null`
            headers["cross-origin-opener-policy"] = "same-origin"
        await send(message)

    return protect


async def _answer(response: Any, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)
