"""Knowledge bases and their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.jobs import job_view
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.errors import Invalid
from backend.jobs.types import Job
from backend.knowledge_bases.selection import is_sample
from backend.schemas import (
    IndexProgress,
    JobAccepted,
    KnowledgeBaseCreate,
    KnowledgeBaseUpdate,
    KnowledgeBaseView,
    Page,
    SourceChecked,
    SourceCreate,
    SourceUpdate,
    SourceView,
)
from knowledge.sources.options import checked_options
from knowledge.sources.registry import reader_of
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore, Statistics
from knowledge.types import KnowledgeBase, Scope, Source

router = APIRouter(prefix="/knowledge-bases", tags=["knowledge bases"])
sources_router = APIRouter(tags=["knowledge bases"])


@router.post("", status_code=201, responses=problems(409))
def create_knowledge_base(
    body: KnowledgeBaseCreate, container: Here, scope: Caller, creating: Creating
) -> KnowledgeBaseView:
    """A new, empty knowledge base."""
    embedders = container.checked_embedders(body.embedders)

    def make(connection: Connection) -> KnowledgeBaseView:
        store = KnowledgeBaseStore(connection, scope)
        base = store.create(body.name, description=body.description, embedders=embedders)
        return base_views(connection, container, scope, [base])[0]

    return creating.once(body, KnowledgeBaseView, make)


@router.get("")
def list_knowledge_bases(
    container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = ""
) -> Page[KnowledgeBaseView]:
    """Knowledge bases by name."""
    with container.database.read() as connection:
        bases, following = KnowledgeBaseStore(connection, scope).page(limit=limit, cursor=cursor)
        return Page(items=base_views(connection, container, scope, bases), next_cursor=following)


@router.get("/{kb}", responses=problems(404))
def get_knowledge_base(kb: str, container: Here, scope: Caller) -> KnowledgeBaseView:
    """One knowledge base, by id or name, with how far its indexes are."""
    with container.database.read() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        return base_views(connection, container, scope, [base])[0]


@router.patch("/{kb}", responses=problems(404, 409))
def change_knowledge_base(kb: str, body: KnowledgeBaseUpdate, container: Here, scope: Caller) -> KnowledgeBaseView:
    """Rename, describe, or choose other embedders: their vectors are built beside the present ones, then switched."""
    with container.database.write() as connection:
        store = KnowledgeBaseStore(connection, scope)
        base = store.update(kb, name=body.name, description=body.description)
        if body.embedders is not None:
            base = store.choose_embedders(base.id, container.checked_embedders(body.embedders))
            if base.next_embedders is not None:
                container.jobs.enqueue(connection, scope, "embed", {}, knowledge_base_id=base.id)
        return base_views(connection, container, scope, [base])[0]


@router.delete("/{kb}", status_code=202, responses=problems(404))
def delete_knowledge_base(kb: str, container: Here, scope: Caller) -> JobAccepted:
    """Delete a knowledge base: it is gone at once, what it held is removed by the job."""
    with container.database.write() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        for job in active_jobs(connection, container, scope, base.id):
            container.jobs.cancel(connection, scope, job.id)
        KnowledgeBaseStore(connection, scope).mark_deleted(base.id)
        job = container.jobs.enqueue(connection, scope, "delete_knowledge_base", {}, knowledge_base_id=base.id)
        return JobAccepted(job=job_view(job))


@router.post("/{kb}/sources", status_code=202, responses=problems(404))
def add_source(kb: str, body: SourceCreate, container: Here, scope: Caller, creating: Creating) -> JobAccepted:
    """Add a source and read it. Paths are of the server's machine; where others than its local user can reach it, they
    are taken only below the folders that the settings name."""
    if reader_of(container.readers, body.kind).is_local:
        container.paths.check(body.kind, body.location, hidden=body.options.get("hidden") is True)

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        source = container.ingestor.add_source(connection, base, body.kind, body.location, body.options)
        return build_job(connection, container, scope, base.id, [source.id], source_id=source.id)

    return creating.once(body, JobAccepted, make)


@sources_router.post("/sources/check", responses=problems(403))
def check_source(body: SourceCreate, container: Here) -> SourceChecked:
    """Whether a source could be added now: its kind and options are known, its path is there and may be read. Nothing
    is made, so that a wrong folder is told before there is a knowledge base for it."""
    reader = reader_of(container.readers, body.kind)
    checked_options(body.kind, reader.options, body.options)
    location = body.location
    if reader.is_local:
        location = str(container.paths.check(body.kind, location, hidden=body.options.get("hidden") is True, now=True))
    elif not location.startswith(("http://", "https://")):
        raise Invalid(f"{location[:200]!r} is no address: it begins with http:// or https://.")
    return SourceChecked(kind=body.kind, location=location)


@router.get("/{kb}/sources", responses=problems(404))
def list_sources(kb: str, container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = "") -> Page[SourceView]:
    """Sources, the oldest first."""
    with container.database.read() as connection:
        store = SourceStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
        found, following = store.page(limit=limit, cursor=cursor)
        counts = store.document_counts()
    return Page(items=[_source_view(source, counts) for source in found], next_cursor=following)


@router.get("/{kb}/sources/{id}", responses=problems(404))
def get_source(kb: str, id: str, container: Here, scope: Caller) -> SourceView:
    """One source."""
    with container.database.read() as connection:
        store = SourceStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
        return _source_view(store.get(id), store.document_counts())


@router.patch("/{kb}/sources/{id}", responses=problems(404))
def change_source(kb: str, id: str, body: SourceUpdate, container: Here, scope: Caller) -> SourceView:
    """Change the options of a source; they count from its next sync."""
    with container.database.write() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        source = container.ingestor.change_source(connection, base, id, body.options)
        return _source_view(source, SourceStore(connection, base).document_counts())


@router.delete("/{kb}/sources/{id}", status_code=204, responses=problems(404))
def delete_source(kb: str, id: str, container: Here, scope: Caller) -> Response:
    """Delete a source with all its documents."""
    with container.database.write() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        container.ingestor.remove_source(connection, base, id)
    return Response(status_code=204)


@router.post("/{kb}/sources/{id}/sync", status_code=202, responses=problems(404))
def sync_source(kb: str, id: str, container: Here, scope: Caller, creating: Creating) -> JobAccepted:
    """Read a source again: what is new is added, what changed replaced, what is gone deleted."""

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        source = SourceStore(connection, base).get(id)
        return build_job(connection, container, scope, base.id, [source.id], source_id=source.id)

    return creating.once(f"{kb}/{id}", JobAccepted, make)


@router.post("/{kb}/rebuild", status_code=202, responses=problems(404))
def rebuild_knowledge_base(kb: str, container: Here, scope: Caller, creating: Creating) -> JobAccepted:
    """Read every source again; what has not changed costs nothing."""

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        return build_job(connection, container, scope, base.id, None)

    return creating.once(kb, JobAccepted, make)


def build_job(
    connection: Connection,
    container: Container,
    scope: Scope,
    base_id: str,
    source_ids: Sequence[str] | None,
    *,
    source_id: str | None = None,
) -> JobAccepted:
    """A job that reads these sources, all of the base when None."""
    arguments = {} if source_ids is None else {"source_ids": list(source_ids)}
    job = container.jobs.enqueue(connection, scope, "build", arguments, knowledge_base_id=base_id)
    return JobAccepted(job=job_view(job), source_id=source_id)


def active_jobs(connection: Connection, container: Container, scope: Scope, base_id: str | None = None) -> list[Job]:
    """The jobs that wait or run, newest first."""
    jobs, _ = container.jobs.page(connection, scope, limit=100, knowledge_base_id=base_id, status=("queued", "running"))
    return jobs


def base_views(
    connection: Connection, container: Container, scope: Scope, bases: Sequence[KnowledgeBase]
) -> list[KnowledgeBaseView]:
    """Knowledge bases as REST shows them."""
    statistics = KnowledgeBaseStore(connection, scope).statistics(bases)
    working = {job.knowledge_base_id: job.id for job in reversed(active_jobs(connection, container, scope))}
    return [_base_view(base, statistics[base.id], working.get(base.id)) for base in bases]


def _base_view(base: KnowledgeBase, counted: Statistics, job_id: str | None) -> KnowledgeBaseView:
    # Every chunk is put among the words in the transaction that makes it known, so words are never behind documents.
    words = IndexProgress(name="words", done=counted.chunk_count, total=counted.chunk_count)
    vectors = [IndexProgress(name=each.embedder, done=each.done, total=each.total) for each in counted.vectors]
    return KnowledgeBaseView(
        id=base.id,
        name=base.name,
        description=base.description,
        embedders=list(base.embedders),
        next_embedders=None if base.next_embedders is None else list(base.next_embedders),
        document_count=counted.document_count,
        waiting_count=counted.received_count,
        failed_count=counted.failed_count,
        chunk_count=counted.chunk_count,
        indexes=[words, *vectors],
        active_job_id=job_id,
        is_sample=is_sample(base),
        changed_at=base.changed_at,
        created_at=base.created_at,
        updated_at=base.updated_at,
    )


def _source_view(source: Source, counts: Mapping[str, int]) -> SourceView:
    return SourceView(
        id=source.id,
        knowledge_base_id=source.knowledge_base_id,
        kind=source.kind,
        location=source.location,
        options=source.options,
        document_count=counts.get(source.id, 0),
        created_at=source.created_at,
        synced_at=source.synced_at,
    )
