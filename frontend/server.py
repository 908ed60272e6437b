"""The ASGI side of the browser interface: Streamlit behind a gate, the login page, and what is sent of documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import streamlit as st
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from frontend.authentication.middleware import AuthenticationMiddleware, log_in, log_out, show_login
from frontend.authentication.origin_policy import Policy
from frontend.authentication.proxies import Proxies
from frontend.authentication.sessions import COOKIE, Sessions, no_cookies, session_cookie

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "app.py"

EXPORT_S = 600.0
"""An export is written whole before its first byte is sent."""

PASSED_ON = ("content-type", "content-length", "content-disposition", "cache-control")


def build(*, api_url: str, policy: Policy, proxies: Proxies | None = None) -> st.App:
    """The application: `app.py` with the API's address in its secrets, and the gate before everything."""
    sessions = Sessions(api_url)
    timeout = httpx2.Timeout(10.0, read=EXPORT_S)
    files = httpx2.AsyncClient(base_url=api_url, timeout=timeout, trust_env=False, cookies=no_cookies())

    @asynccontextmanager
    async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
        yield {"sessions": sessions}
        await sessions.close()
        await files.aclose()

    async def original(request: Request) -> Response:
        path = "knowledge-bases/{knowledge_base}/documents/{document}/content"
        return await _pass_on(files, request, path, {"format": "original"})

    async def page(request: Request) -> Response:
        path = "knowledge-bases/{knowledge_base}/documents/{document}/pages/{number}/picture"
        return await _pass_on(files, request, path)

    async def artifact(request: Request) -> Response:
        return await _pass_on(files, request, "artifacts/{artifact}")

    async def export(request: Request) -> Response:
        return await _pass_on(files, request, "knowledge-bases/{knowledge_base}/export")

    async def enter(request: Request) -> Response:
        return await log_in(request, sessions)

    async def leave(request: Request) -> Response:
        return await log_out(request, sessions)

    return st.App(
        SCRIPT,
        secrets={"api_url": api_url},
        lifespan=lifespan,
        middleware=[Middleware(AuthenticationMiddleware, policy=policy, sessions=sessions, proxies=proxies)],
        routes=[
            Route("/login", show_login, methods=["GET"]),
            Route("/login", enter, methods=["POST"]),
            Route("/logout", leave, methods=["GET"]),
            Route("/files/{knowledge_base}/export", export, methods=["GET"]),
            Route("/files/{knowledge_base}/{document}", original, methods=["GET"]),
            Route("/pages/{knowledge_base}/{document}/{number:int}", page, methods=["GET"]),
            Route("/artifacts/{artifact}", artifact, methods=["GET"]),
        ],
    )


def serve(
    *, host: str, port: int, api_url: str, policy: Policy, max_upload_mb: int, proxies: Proxies | None = None
) -> None:
    """Listens until stopped; everything else that can be set stands in `.streamlit/config.toml`."""
    app = build(api_url=api_url, policy=policy, proxies=proxies)
    app.run(
        config={
            "server.address": host,
            "server.port": port,
            "server.headless": True,
            "server.maxUploadSize": max_upload_mb,
            "server.fileWatcherType": "none",
            "server.enableCORS": True,
            "server.enableXsrfProtection": True,
            "browser.gatherUsageStats": False,
            "logger.hideWelcomeMessage": True,
        }
    )


async def _pass_on(
    client: httpx2.AsyncClient, request: Request, path: str, query: dict[str, str] | None = None
) -> Response:
    """What the API sends from this path, to be saved or shown as a picture, and never to be run in our origin."""
    if not all(str(value).isalnum() for value in request.path_params.values()):
        return PlainTextResponse("There is no such file.", status_code=404)
    cookie = session_cookie(request.headers.get("cookie", ""))
    question = client.build_request(
        "GET",
        f"/api/v1/{path.format(**request.path_params)}",
        params=query,
        headers={"cookie": f"{COOKIE}={cookie}", "accept-encoding": "identity"},
    )
    try:
        answer = await client.send(question, stream=True)
    except httpx2.HTTPError:
        return PlainTextResponse("The API does not answer.", status_code=502)
    headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
    if not answer.headers.get("content-disposition", "").startswith("attachment"):
        headers["content-disposition"] = "attachment"
    headers["content-security-policy"] = "sandbox; default-src 'none'"
    return StreamingResponse(
        answer.aiter_raw(), status_code=answer.status_code, headers=headers, background=BackgroundTask(answer.aclose)
    )
