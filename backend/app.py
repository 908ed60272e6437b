"""The web application: routes, the edge around them, and what lives as long as they do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route

from backend.api import (
    approvals,
    artifacts,
    audit,
    commands,
    connections,
    document_pages,
    documents,
    jobs,
    knowledge_bases,
    meta,
    models,
    openai_chat,
    openai_embeddings,
    openapi,
    phases,
    portable,
    problems,
    runs,
    sandbox,
    search,
    suggestions,
    threads,
    tool_sources,
    tools,
)
from backend.api.edge import Edge
from backend.api.half_open import timely_protocol
from backend.api.meta import product_version
from backend.artifacts.store import collect_unreferenced_files
from backend.bootstrap import Container, build
from backend.cli.opening import made_data_dir
from backend.mcp.http import McpEndpoint
from backend.migrations import upgrade_database
from backend.operations.sample import make_sample, warm_up
from backend.settings import Settings, load_settings, require_token
from backend.telemetry import configure_logging
from backend.tools.audit import prune_audit

log = structlog.get_logger(__name__)

PREFIX = "/api/v1"
THREADS = 40
PRUNE_SECONDS = 24 * 3600
DESCRIPTION = """Cited answers from your documents, code and systems.

Errors are `application/problem+json` (RFC 9457); lists are `{items, next_cursor}`; creating calls take an
`Idempotency-Key`; work that takes time is answered with 202 and a job or a run, whose events are server-sent.
"""


def create_app(container: Container) -> FastAPI:
    """The application of this container. Starting it starts the container's runs; stopping it gives them back."""
    app = FastAPI(
        title="DevOps ChatBot",
        version=product_version(),
        description=DESCRIPTION,
        lifespan=_lifespan,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.container = container
    app.include_router(meta.router, include_in_schema=False)
    for module in (
        meta,
        knowledge_bases,
        documents,
        document_pages,
        portable,
        search,
        suggestions,
        threads,
        runs,
        approvals,
        commands,
        artifacts,
        jobs,
        models,
        phases,
        connections,
        tool_sources,
        tools,
        audit,
        sandbox,
    ):
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(meta.choices, prefix=PREFIX)
    app.include_router(knowledge_bases.sources_router, prefix=PREFIX)
    app.include_router(openai_chat.router)
    app.include_router(openai_embeddings.router)
    app.router.routes.append(Route("/mcp", endpoint=McpEndpoint(container), include_in_schema=False))
    problems.install(app)
    openapi.install(app)
    app.add_middleware(
        Edge,
        guard=container.guard,
        proxies=container.proxies,
        authentication=container.authentication,
        metrics=container.metrics,
        max_body_bytes=container.settings.api.max_body_bytes,
        half_open_seconds=container.settings.api.half_open_seconds,
    )
    return app


def app_from_environment() -> FastAPI:
    """The application as the environment asks for it; what `uvicorn --factory` calls. Raises SettingsInvalid."""
    settings = load_settings()
    require_token(settings, settings.api.host)
    made_data_dir(settings)
    configure_logging(settings)
    return create_app(build(settings))


def serve(settings: Settings) -> None:
    """Serve the API until the process is told to stop. Raises SettingsInvalid when others could reach it unasked."""
    import uvicorn

    # Writer and searches run in threads beside the event loop; shorter turns keep tokens flowing while they compute.
    sys.setswitchinterval(0.001)
    require_token(settings, settings.api.host)
    configure_logging(settings)
    uvicorn.run(
        create_app(build(settings)),
        host=settings.api.host,
        port=settings.api.port,
        http=timely_protocol(settings.api.half_open_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
        # What proxies tell is read at the edge, and believed from where the settings say.
        proxy_headers=False,
        timeout_keep_alive=75,
        # Event streams never end by themselves while a run goes on; the run is given back and resumed elsewhere.
        timeout_graceful_shutdown=2,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    container: Container = app.state.container
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
    await asyncio.to_thread(upgrade_database, container.database)
    await asyncio.to_thread(make_sample, container)
    await container.runs.start()
    container.sandbox.start()
    pruning = asyncio.create_task(_prune_daily(container))
    warming = asyncio.create_task(asyncio.to_thread(_settle, container))
    try:
        yield
    finally:
        pruning.cancel()
        await container.runs.stop()
        await container.sandbox.stop()
        await container.catalogue.aclose()
        await container.http.aclose()
        await container.mcp_servers.aclose()
        await asyncio.wait([warming], timeout=5)
        await asyncio.to_thread(container.close)


async def _prune_daily(container: Container) -> None:
    """Let the record of calls go with age, as the settings say."""
    while True:
        try:
            await asyncio.to_thread(_prune, container)
        except SQLAlchemyError as error:
            log.warning("the record of calls was not pruned", reason=type(error).__name__)
        await asyncio.sleep(PRUNE_SECONDS)


def _prune(container: Container) -> None:
    for _ in prune_audit(container.database, container.settings.tools.audit_days):
        pass


def _settle(container: Container) -> None:
    """What may be done once requests are served: load what the first needs, remove what nothing refers to any more."""
    warm_up(container)
    for _ in collect_unreferenced_files(container.database, container.artifact_files):
        pass


def _operation_id(route: APIRoute) -> str:
    return route.name
