"""Engines outside, each of which may be missing: language model, sandbox, Neo4j."""

from __future__ import annotations

from collections.abc import Callable

from backend.operations.doctor.addresses import PATIENCE_S, status_of
from backend.operations.doctor.findings import Finding
from backend.settings import Settings


def language_model(settings: Settings) -> Finding:
    """Whether the model that the settings name answers."""
    model = settings.model
    if not (model.base_url or model.name):
        advice = "To use one: set CHATBOT_MODEL__BASE_URL, __NAME and __API_KEY, or add it in the browser."
        return Finding(name="Language model", status="missing", detail="none; answers are quoted", advice=advice)
    if not model.base_url:
        return Finding(name="Language model", status="ok", detail=f"{model.name}, by its provider's own settings")
    from backend.models.addresses import known_address

    address = known_address(model.base_url, model.name)
    url = f"{address.url.rstrip('/')}/models"
    status = status_of(url, model.api_key.get_secret_value(), address.userinfo)
    if status == 200:
        return Finding(name="Language model", status="ok", detail=f"{model.name} at {address.url}")
    reason = "does not answer" if status == 0 else f"answers {status}"
    advice = "Start it, or correct CHATBOT_MODEL__BASE_URL and __API_KEY. Without it, answers are quoted."
    return Finding(name="Language model", status="warning", detail=f"{url} {reason}", advice=advice)


def sandbox(settings: Settings) -> Finding:
    """Which engine would run code, or what keeps all of them from it."""
    import asyncio

    from backend.sandboxes.assembly import OFF, adapters_of

    async def probe() -> tuple[str, str]:
        reasons = []
        for adapter in adapters_of(settings):
            found = await adapter.probe()
            await adapter.aclose()
            if found.available:
                return adapter.name, f"{found.detail}; {', '.join(found.languages)}"
            reasons.append(found.reason)
        return "", " ".join(reasons)

    if settings.sandbox.adapter == "off":
        return Finding(name="Sandbox", status="missing", detail=OFF)
    name, said = asyncio.run(probe())
    if not name:
        return Finding(name="Sandbox", status="missing", detail="no engine to run code in", advice=said)
    return Finding(name="Sandbox", status="ok", detail=f"{name}: {said}")


def neo4j(settings: Settings) -> Finding:
    """Whether Neo4j answers."""
    if not settings.neo4j.uri:
        return Finding(name="Neo4j", status="missing", detail="not configured, and not needed")

    def ask() -> str:
        from neo4j import GraphDatabase

        given = settings.neo4j
        credentials = (given.user, given.password.get_secret_value())
        with GraphDatabase.driver(given.uri, auth=credentials, connection_timeout=PATIENCE_S) as driver:
            return str(driver.get_server_info().agent)

    return _optional("Neo4j", ask, "Start it, or correct CHATBOT_NEO4J__URI, __USER and __PASSWORD.")


def _optional(name: str, ask: Callable[[], str], advice: str) -> Finding:
    """A finding on an engine behind a driver whose errors have no common base worth naming."""
    try:
        return Finding(name=name, status="ok", detail=ask())
    except Exception as error:  # the outer edge of a foreign driver: any error means that it is not there
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        return Finding(name=name, status="missing", detail=reason, advice=advice)
