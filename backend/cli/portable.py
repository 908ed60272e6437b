"""`devops-chatbot kb export` and `kb import`: a knowledge base as one file, to keep or to take elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.knowledge_bases import Name, NoWait, see_to_it

if TYPE_CHECKING:
    from backend.knowledge_bases.importing import Embedding


def add_to(app: typer.Typer) -> None:
    """Adds these commands to `kb`."""
    app.command("export")(export)
    app.command("import")(import_)


def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file to write; an earlier export there is replaced.")],
    vectors: Annotated[
        bool, typer.Option("--vectors/--no-vectors", help="With vectors, importing embeds nothing again.")
    ] = True,
) -> None:
    """Write a knowledge base to one file: its documents as they came, its sources, its vectors."""
    from backend.accounts.guard import LOCAL
    from backend.cli.following import follow_here
    from backend.cli.opening import opened
    from knowledge.portable import export_base

    file = file.expanduser()
    with opened() as container:
        steps = export_base(container.database, container.blobs, LOCAL, name, file, vectors=vectors)
        counts = follow_here(steps)
    typer.echo(f"{file}: {counts.get('documents', 0)} documents, {file.stat().st_size / 1024 / 1024:.1f} MB")


def import_(
    file: Annotated[Path, typer.Argument(help="An export of a knowledge base.")],
    name: Annotated[str | None, typer.Option("--name", help="Another name than it had.")] = None,
    no_wait: NoWait = False,
) -> None:
    """Make a knowledge base of an export. It answers as the one that was exported."""
    from backend.accounts.guard import LOCAL
    from backend.cli.following import follow_here
    from backend.cli.opening import opened
    from backend.knowledge_bases.importing import begin_import, embedding_of
    from knowledge.portable import open_import

    with opened() as container:
        with open_import(file.expanduser(), container.settings.archives.limits) as opened_import:
            wanted = opened_import.manifest.name if name is None else name
            with container.database.read() as connection:
                known = opened_import.begun(connection, LOCAL, wanted)
            with container.blobs.hold() as holding:
                if known is None:  # else it was broken off: everything is stored
                    follow_here(opened_import.store(holding))
                    _tell_missing(embedding_of(container, opened_import))
                with container.database.write() as connection:
                    base, job = begin_import(connection, container, LOCAL, opened_import, wanted)
        see_to_it(container, job, base.name, no_wait)


def _tell_missing(embedding: Embedding) -> None:
    if not embedding.missing:
        return
    new = embedding.chosen and not set(embedding.chosen) & set(embedding.missing)
    instead = f"; {', '.join(embedding.chosen)} makes new vectors" if new else ""
    missing = ", ".join(embedding.missing)
    typer.echo(f"Left out, since no embedder of this name is configured: {missing}{instead}.", err=True)
