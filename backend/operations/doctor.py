"""Looks over one installation: what is there, what is missing, what to type about it."""

from __future__ import annotations

import base64
import json
import platform
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from backend.settings import Settings

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from knowledge.storage.database import Database

Status = Literal["ok", "missing", "warning", "failed"]

OLDEST_SQLITE = (3, 35)
FEW_FREE_BYTES = 2 * 1024**3
PATIENCE_S = 5.0
_STUCK = (
    "A worker takes up what another left within a minute; one whose job hangs ends itself after two and a half "
    "minutes, and must be started again (devops-chatbot up does). See its log if a job stays stuck."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing looked at. `missing` is optional and not there; `failed` keeps the product from working; `advice` is
    what to do about it, empty when there is nothing to do."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def examine(settings: Settings, *, quick: bool = False) -> list[Finding]:
    """Everything there is to say, in the order it matters. `quick`: without loading embedders and reading chunks."""
    findings = [
        _python(),
        _sqlite(),
        _data_folder(settings),
        *_database(settings),
        _access(settings),
        *_ports(settings),
        *([] if quick else _inside(settings)),
        _processor(),
        _language_model(settings),
        _sandbox(settings),
        _neo4j(settings),
    ]
    return findings


def render(findings: Sequence[Finding]) -> str:
    """The findings for a terminal, advice below what it is about."""
    marks = {"ok": "ok     ", "missing": "missing", "warning": "WARNING", "failed": "FAILED "}
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{marks[finding.status]}  {finding.name:<{width}}  {finding.detail}")
        if finding.advice:
            lines.append(f"{'':<9}{'':<{width}}  → {finding.advice}")
    failed = sum(finding.status == "failed" for finding in findings)
    lines += ["", "Everything needed is there." if not failed else f"{failed} of these must be put right first."]
    return "\n".join(lines)


def render_json(findings: Sequence[Finding]) -> str:
    """The findings as one JSON object: {"ok": …, "findings": [{"name", "status", "detail", "advice"}]}."""
    ok = all(finding.status != "failed" for finding in findings)
    return json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2)


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding(name="Python", status="ok", detail=detail)


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        advice = "Use a Python whose SQLite has FTS5, such as the one of python.org or of your distribution."
        return Finding(name="SQLite", status="failed", detail=f"{version} without FTS5", advice=advice)
    finally:
        connection.close()
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding(name="SQLite", status="failed", detail=version, advice="SQLite 3.35 or newer is needed.")
    return Finding(name="SQLite", status="ok", detail=f"{version} with FTS5")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = "Set CHATBOT_DATA_DIR to a folder that can be written."
        return Finding(name="Data folder", status="failed", detail=f"{folder}: {error.strerror}", advice=advice)
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free / 1024**3:.1f} GB free"
    if free < FEW_FREE_BYTES:
        return Finding(name="Data folder", status="warning", detail=detail, advice="Make room, or move it.")
    return Finding(name="Data folder", status="ok", detail=detail)


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from backend.migrations import current_revision, head_revision
    from knowledge.errors import InvalidInput
    from knowledge.storage.database import Database

    try:
        database = Database(settings.effective_database_url)
    except InvalidInput as error:
        yield Finding(name="Database", status="failed", detail=str(error), advice="Correct CHATBOT_DATABASE_URL.")
        return
    try:
        shown = database.engine.url.render_as_string(hide_password=True)
        found, needed = current_revision(database), head_revision()
        if found == needed:
            yield Finding(name="Database", status="ok", detail=f"{shown}, revision {found}")
            yield from _jobs(database)
            yield _secrets(settings, database)
        elif found is None or found < needed:
            detail = f"{shown} is {'empty' if found is None else f'at revision {found}'}; {needed} is needed"
            advice = "devops-chatbot migrate (devops-chatbot up does it too)"
            yield Finding(name="Database", status="warning", detail=detail, advice=advice)
        else:
            detail = f"{shown} is at revision {found}, later than this version's {needed}"
            yield Finding(name="Database", status="failed", detail=detail, advice="Install the newer version again.")
    except SQLAlchemyError as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        advice = "Start the database server, or correct CHATBOT_DATABASE_URL."
        yield Finding(name="Database", status="failed", detail=f"cannot be reached: {reason}", advice=advice)
    finally:
        database.close()


def _jobs(database: Database) -> Iterator[Finding]:
    from sqlalchemy import func, select

    from backend.jobs.queue import JobQueue
    from backend.jobs.tables import jobs
    from backend.processes.identity import this_process
    from backend.processes.registry import ProcessRegistry

    processes = ProcessRegistry(this_process("api"))
    with database.read() as connection:
        workers = len(processes.living(connection, "worker"))
        counted = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        count = {row[0]: row[1] for row in connection.execute(counted)}
        stuck = len(JobQueue((), processes).silent(connection))
    queued = count.get("queued", 0)
    if workers:
        yield Finding(name="Worker", status="ok", detail=f"{workers} running")
    else:
        waiting = f"; {queued} jobs wait for one" if queued else ""
        advice = "devops-chatbot up (or: devops-chatbot worker)"
        yield Finding(name="Worker", status="missing", detail=f"none is running{waiting}", advice=advice)
    running, failed = count.get("running", 0), count.get("failed", 0)
    detail = f"{queued} waiting, {running} running, {stuck} stuck, {failed} failed"
    if stuck:
        advice = _STUCK if workers else "They go on once a worker runs."
        yield Finding(name="Jobs", status="warning", detail=detail, advice=advice)
    else:
        yield Finding(name="Jobs", status="ok", detail=detail)


def _secrets(settings: Settings, database: Database) -> Finding:
    from backend.accounts.sealing import Sealer
    from backend.connections.secrets import stored_secrets
    from backend.errors import SecretUnreadable

    name, sealer = "Stored keys", Sealer.of(settings)
    with database.read() as connection:
        keys = stored_secrets(connection).values()
    unreadable, reason = [], ""
    for label, key in keys:
        try:
            sealer.open(key)
        except SecretUnreadable as error:
            unreadable.append(label)
            reason = str(error)
    if unreadable:
        advice = "Enter them again on the page Models, or bring back the secret key they were sealed with."
        detail = f"that of {', '.join(unreadable[:5])} cannot be read. {reason}"
        return Finding(name=name, status="warning", detail=detail, advice=advice)
    if sealer.is_exposed():
        detail = f"others on this machine can read {sealer.key_file}"
        return Finding(name=name, status="warning", detail=detail, advice=f"chmod 600 {sealer.key_file}")
    where = "CHATBOT_SECRET_KEY" if settings.secret_keys else str(sealer.key_file)
    return Finding(name=name, status="ok", detail=f"{len(keys)} sealed by {where}" if keys else "none")


def _access(settings: Settings) -> Finding:
    strangers = settings.strangers
    token = settings.token.get_secret_value()
    if strangers and not token:
        detail = f"{', '.join(strangers)} can be reached by others, or others by it, and there is no token"
        return Finding(name="Access", status="failed", detail=detail, advice="Set CHATBOT_TOKEN to a long random word.")
    return Finding(name="Access", status="ok", detail="by token" if token else "from this machine only, no token")


def _ports(settings: Settings) -> Iterator[Finding]:
    from backend.errors import BackendError
    from backend.processes.instance_lock import running_at
    from backend.processes.supervisor import check_port

    running = running_at(settings.data_dir.expanduser())
    api, ui = ("API port", "--api-port", "/healthz"), ("UI port", "--port", "/_stcore/health")
    if running is not None:
        for (name, _, path), address in ((api, running.api), (ui, running.ui)):
            if _status_of(f"{address}{path}") == 200:
                yield Finding(name=name, status="ok", detail=f"{address} answers: the product is running")
            else:
                advice = "It may be starting; else read what devops-chatbot up printed."
                yield Finding(name=name, status="warning", detail=f"{address} does not answer", advice=advice)
        return
    for (name, option, path), host, port in (
        (api, settings.api.host, settings.api.port),
        (ui, settings.ui.host, settings.ui.port),
    ):
        try:
            check_port(host, port, option)
            yield Finding(name=name, status="ok", detail=f"{host}:{port} is free")
        except BackendError as error:
            if _status_of(f"http://{host}:{port}{path}") == 200:
                detail = f"{host}:{port} answers: a product is running there"
                yield Finding(name=name, status="ok", detail=detail)
            else:
                yield Finding(name=name, status="warning", detail=str(error), advice=f"devops-chatbot up {option} N")


def _inside(settings: Settings) -> Iterator[Finding]:
    """What can only be seen with everything wired together."""
    from backend.bootstrap import build
    from knowledge.errors import InvalidInput

    try:
        container = build(settings)
    except InvalidInput as error:
        yield Finding(name="Settings", status="failed", detail=str(error), advice="Correct the setting it names.")
        return
    try:
        yield from _embedders(container)
        yield from _invariants(container)
    finally:
        container.close()


def _embedders(container: Container) -> Iterator[Finding]:
    from knowledge.errors import KnowledgeError

    for name, embedder in container.embedders.items():
        begun = time.perf_counter()
        try:
            vector = embedder.embed_query("How do I roll back a deployment?")
        except KnowledgeError as error:
            advice = "Install the package again, or correct CHATBOT_EMBEDDERS."
            yield Finding(name=f"Embedder {name}", status="failed", detail=str(error), advice=advice)
            continue
        took = time.perf_counter() - begun
        languages = ", ".join(sorted(embedder.languages))
        detail = f"{vector.shape[0]} dimensions, {languages}; {embedder.engine}; loaded and asked in {took:.1f} s"
        yield Finding(name=f"Embedder {name}", status="ok", detail=detail)


def _invariants(container: Container) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from backend.migrations import current_revision, head_revision
    from knowledge.ingestion.invariants import check_invariants

    name = "Documents"
    try:
        if current_revision(container.database) != head_revision():
            return
        broken = check_invariants(
            container.database, container.projections, blobs=container.blobs, embedders=container.embedders
        )
    except SQLAlchemyError:
        return  # said of the database already
    if broken:
        advice = "devops-chatbot kb rebuild NAME; if it stays so, please report it with this output."
        yield Finding(name=name, status="failed", detail=" ".join(broken[:5]), advice=advice)
    else:
        yield Finding(name=name, status="ok", detail="chunks, vectors, files and indexes agree with one another")


def _processor() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding(name="GPU", status="missing", detail="none found; embedding runs on the processor, which works")
    import torch

    if torch.cuda.is_available():
        return Finding(name="GPU", status="ok", detail=torch.cuda.get_device_name(0))
    advice = "Install a CUDA build of torch to use it: https://pytorch.org/get-started/locally/"
    return Finding(name="GPU", status="warning", detail="there, but torch was built without CUDA", advice=advice)


def _language_model(settings: Settings) -> Finding:
    model = settings.model
    if not (model.base_url or model.name):
        advice = "To use one: set CHATBOT_MODEL__BASE_URL, __NAME and __API_KEY, or add it in the browser."
        return Finding(name="Language model", status="missing", detail="none; answers are quoted", advice=advice)
    if not model.base_url:
        return Finding(name="Language model", status="ok", detail=f"{model.name}, by its provider's own settings")
    from backend.models.addresses import known_address

    address = known_address(model.base_url, model.name)
    url = f"{address.url.rstrip('/')}/models"
    status = _status_of(url, model.api_key.get_secret_value(), address.userinfo)
    if status == 200:
        return Finding(name="Language model", status="ok", detail=f"{model.name} at {address.url}")
    reason = "does not answer" if status == 0 else f"answers {status}"
    advice = "Start it, or correct CHATBOT_MODEL__BASE_URL and __API_KEY. Without it, answers are quoted."
    return Finding(name="Language model", status="warning", detail=f"{url} {reason}", advice=advice)


def _sandbox(settings: Settings) -> Finding:
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


def _neo4j(settings: Settings) -> Finding:
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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: following it would take the key along."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _status_of(url: str, key: str = "", userinfo: str = "") -> int:
    """The HTTP status of a GET; 0 when nothing answers."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if userinfo:
        headers = {"Authorization": f"Basic {base64.b64encode(userinfo.encode()).decode()}"}
    try:
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(urllib.request.Request(url, headers=headers), timeout=PATIENCE_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0
