"""`devops-chatbot kb …`: make, show, rebuild and delete knowledge bases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.processes import AsJson

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.bootstrap import Container
    from backend.cli.sources import NamedSource
    from backend.jobs.types import Job
    from backend.knowledge_bases.uploaded_file import UploadedFile
    from knowledge.storage.bases import Statistics
    from knowledge.storage.blobs import Holding
    from knowledge.types import DocumentStatus, KnowledgeBase

app = typer.Typer(help="Make, show, rebuild, delete, export and import knowledge bases.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or id of the knowledge base.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Leave it to the worker and return at once.")]


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="Name of the knowledge base; made if there is none.")],
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, zips, URLs of pages.")],
    no_wait: NoWait = False,
) -> None:
    """Make a knowledge base, or add to one. What has not changed since the last time costs nothing."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.cli.sources import read_source
    from knowledge.ingestion.ingestor import ReceivedFiles
    from knowledge.storage.bases import SourceStore

    named = [read_source(word) for word in sources]
    with opened() as container:
        with container.blobs.hold() as holding:
            # Copied before the transaction: a large file must not keep every other writer waiting.
            files = ReceivedFiles.of([_copied(holding, each, container) for each in named if each.kind == "file"])
            with container.database.write() as connection:
                base = _found_or_made(connection, container, name)
                store = SourceStore(connection, base)
                source_ids = [store.add(each.kind, each.location).id for each in named if each.kind != "file"]
                source_ids += container.ingestor.add_uploads(connection, base, files)
                arguments = {"source_ids": list(dict.fromkeys(source_ids)), "local": True}
                job = container.jobs.enqueue(connection, LOCAL, "build", arguments, knowledge_base_id=base.id)
        see_to_it(container, job, base.name, no_wait)


@app.command()
def rebuild(name: Name, no_wait: NoWait = False) -> None:
    """Read every source of a knowledge base again."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from knowledge.storage.bases import KnowledgeBaseStore

    with opened() as container:
        with container.database.write() as connection:
            base = KnowledgeBaseStore(connection, LOCAL).get(name)
            job = container.jobs.enqueue(connection, LOCAL, "build", {"local": True}, knowledge_base_id=base.id)
        see_to_it(container, job, base.name, no_wait)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the knowledge bases."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from knowledge.storage.bases import KnowledgeBaseStore

    with opened() as container, container.database.read() as connection:
        store = KnowledgeBaseStore(connection, LOCAL)
        bases: list[KnowledgeBase] = []
        cursor: str | None = ""
        while cursor is not None:
            page, cursor = store.page(limit=500, cursor=cursor)
            bases += page
        statistics = store.statistics(bases)
    rows = [_described(base, statistics[base.id]) for base in bases]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo("There is no knowledge base yet; make one with: devops-chatbot kb build NAME SOURCE…", err=True)
    for row in rows if not as_json else ():
        failed = f", {row['failed_count']} failed" if row["failed_count"] else ""
        typer.echo(f"{row['name']}: {row['document_count']} documents{failed}, {row['chunk_count']} chunks")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one knowledge base: its sources, how far its indexes are, what could not be read."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
    from knowledge.storage.documents import DocumentStore

    with opened() as container, container.database.read() as connection:
        store = KnowledgeBaseStore(connection, LOCAL)
        base = store.get(name)
        shown = _described(base, store.statistics([base])[base.id])
        sources = SourceStore(connection, base)
        counts = sources.document_counts()
        shown["sources"] = [
            {
                "kind": each.kind,
                "location": each.location,
                "document_count": counts.get(each.id, 0),
                "elsewhere": each.is_elsewhere,
            }
            for each in sources.all()
        ]
        unread: tuple[DocumentStatus, ...] = ("failed",)
        failed, _ = DocumentStore(connection, base).page(limit=100, status=unread)
        shown["failed"] = [{"path": each.path, "reason": each.error} for each in failed]
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2) if as_json else _as_text(shown))


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Delete a knowledge base and everything in it."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from knowledge.storage.bases import KnowledgeBaseStore

    with opened() as container:
        with container.database.read() as connection:
            base = KnowledgeBaseStore(connection, LOCAL).get(name)
        if not yes:
            typer.confirm(f"Delete the knowledge base {base.name!r} and everything in it?", abort=True)
        with container.database.write() as connection:
            store = KnowledgeBaseStore(connection, LOCAL)
            active, _ = container.jobs.page(
                connection, LOCAL, limit=100, knowledge_base_id=base.id, status=("queued", "running")
            )
            for each in active:
                container.jobs.cancel(connection, LOCAL, each.id)
            store.mark_deleted(base.id)
            job = container.jobs.enqueue(connection, LOCAL, "delete_knowledge_base", {}, knowledge_base_id=base.id)
        see_to_it(container, job, base.name, no_wait)


def _found_or_made(connection: Connection, container: Container, name: str) -> KnowledgeBase:
    from backend.accounts.guard import LOCAL
    from knowledge.errors import NotFound
    from knowledge.storage.bases import KnowledgeBaseStore

    store = KnowledgeBaseStore(connection, LOCAL)
    try:
        return store.get(name)
    except NotFound:
        return store.create(name, embedders=container.checked_embedders(None))


def _copied(holding: Holding, source: NamedSource, container: Container) -> UploadedFile:
    """The file in the store. Raises FileTooLarge."""
    from backend.knowledge_bases.uploaded_file import UploadedFile
    from knowledge.storage.blobs import blocks_of

    path = Path(source.location)
    blob = holding.put(blocks_of(path), max_bytes=container.settings.uploads.max_file_bytes)
    return UploadedFile(path=path.name, media_type="", blob=blob)


def see_to_it(container: Container, job: Job, name: str, no_wait: bool) -> None:
    """Follows the job, says how it ended, and exits with 1 when that was not well."""
    from backend.accounts.guard import LOCAL
    from backend.cli.following import follow, report_failures, report_notes

    if no_wait:
        typer.echo(job.id)
        return
    done = follow(container, LOCAL, job.id)
    report_notes(container, LOCAL, done)
    report_failures(done)
    if done.status == "cancelled":
        typer.echo("It was cancelled; what was done stays, and the same command goes on from there.", err=True)
        raise typer.Exit(1)
    if done.status == "failed":
        typer.echo(done.error, err=True)
        raise typer.Exit(1)
    counts = ", ".join(f"{value} {key}" for key, value in done.result.items() if isinstance(value, int) and value)
    typer.echo(f"{name}: {counts or 'done'}")
    if (
        done.kind == "build"
        and done.failure_count
        and not done.result.get("indexed", 0) + done.result.get("unchanged", 0)
    ):
        raise typer.Exit(1)


def _described(base: KnowledgeBase, statistics: Statistics) -> dict[str, Any]:
    return {
        "id": base.id,
        "name": base.name,
        "description": base.description,
        "embedders": list(base.embedders),
        "document_count": statistics.document_count,
        "failed_count": statistics.failed_count,
        "chunk_count": statistics.chunk_count,
        "vectors": [{"embedder": each.embedder, "done": each.done, "total": each.total} for each in statistics.vectors],
        "created_at": base.created_at.isoformat(),
        "updated_at": base.updated_at.isoformat(),
    }


def _as_text(shown: dict[str, Any]) -> str:
    lines = [
        f"{shown['name']} ({shown['id']})",
        f"{shown['document_count']} documents, {shown['chunk_count']} chunks, {shown['failed_count']} failed",
        *(f"vectors {each['embedder']}: {each['done']} of {each['total']}" for each in shown["vectors"]),
        *(_source_line(each) for each in shown["sources"]),
        *(f"{each['path']}: {each['reason']}" for each in shown["failed"]),
    ]
    return "\n".join(lines)


def _source_line(source: dict[str, Any]) -> str:
    elsewhere = " (of another machine; not read here)" if source["elsewhere"] else ""
    return f"{source['kind']} {source['location']}: {source['document_count']} documents{elsewhere}"
