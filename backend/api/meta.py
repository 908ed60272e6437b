"""The server itself: health, version, metrics, the browser's session, and what there is to choose from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from backend.accounts.sessions import COOKIE, LIFETIME
from backend.api.context import Here
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.db.tables import marks
from backend.schemas import EmbedderView, HealthView, Page, SessionCreate, VersionView

router = APIRouter(tags=["server"])
choices = APIRouter(tags=["server"])

_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready.", "model": HealthView}}


def product_version() -> str:
    """The version that is installed."""
    try:
        return version("devops-chatbot")
    except PackageNotFoundError:
        return "0"


@router.get("/healthz")
async def healthz() -> HealthView:
    """The process is alive."""
    return HealthView(status="ok")


@router.get("/readyz", responses=_NOT_READY)
def readyz(container: Here, response: Response) -> HealthView:
    """The process can serve: its database is there and migrated, its data folder can be written, runs can be kept."""
    checks = {"database": _database(container), "data_folder": _data_folder(container), "runs": container.runs.state}
    ready = all(value == "ok" for value in checks.values())
    if not ready:
        response.status_code = 503
    return HealthView(status="ok" if ready else "unavailable", checks=checks)


def _database(container: Container) -> str:
    try:
        with container.database.read() as connection:
            connection.execute(select(marks).limit(1))
    except SQLAlchemyError as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        return f"unreachable or not migrated ({reason}): run devops-chatbot migrate"
    return "ok"


def _data_folder(container: Container) -> str:
    folder = container.settings.data_dir.expanduser()
    probe = folder / ".writable"
    try:
        probe.touch()
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return "ok"


@router.get("/version")
async def get_version() -> VersionView:
    """What runs here."""
    return VersionView(name="devops-chatbot", version=product_version(), api="v1")


@router.get("/metrics", response_class=Response, responses=_METRICS)
async def metrics(container: Here) -> Response:
    """Figures of this process for Prometheus."""
    return Response(container.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@choices.post("/session", status_code=204, responses=problems(429))
def open_session(body: SessionCreate, request: Request, container: Here) -> Response:
    """Trade the token for a cookie, with which a browser may open downloads. It is good until the session is ended."""
    response = Response(status_code=204)
    if container.authentication.asks_for_token:
        visit = request.state.visit
        value = container.authentication.open_session(body.token, visit.client)
        lifetime = int(LIFETIME.total_seconds())
        secure = visit.scheme == "https"
        response.set_cookie(COOKIE, value, httponly=True, samesite="strict", max_age=lifetime, secure=secure)
    return response


@choices.delete("/session", status_code=204)
def close_session(request: Request, container: Here) -> Response:
    """End the session of the cookie, everywhere, and have the browser forget it."""
    container.authentication.end_session(request.headers.get("cookie", ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.state.visit.scheme == "https")
    return response


@choices.get("/embedders")
async def list_embedders(container: Here) -> Page[EmbedderView]:
    """The embedders that a knowledge base can have; those new ones get are marked."""
    usual = container.checked_embedders(None)
    items = [
        EmbedderView(
            name=name,
            kind=container.embedder_kind(name),
            languages=sorted(embedder.languages),
            is_default=name in usual,
        )
        for name, embedder in container.embedders.items()
    ]
    return Page(items=items)
