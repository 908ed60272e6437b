"""`devops-chatbot kb export` and `kb import`: a knowledge base as one file, to keep or to take elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.knowledge_bases import Name, NoWait, see_to_it

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from backend.jobs.types import Job
    from knowledge.portable import Import
    from knowledge.types import KnowledgeBase


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
    from backend.cli.opening import opened
    from knowledge.portable import open_import

    with opened() as container:
        with open_import(file.expanduser(), container.settings.archives.limits) as opened_import:
            wanted = opened_import.manifest.name if name is None else name
            with container.database.read() as connection:
                begun = opened_import.begun(connection, LOCAL, wanted)
            base, job = _go_on(container, begun) if begun else _begin(container, opened_import, wanted)
        see_to_it(container, job, base.name, no_wait)


def _go_on(container: Container, base: KnowledgeBase) -> tuple[KnowledgeBase, Job]:
    """The same import was broken off: everything is stored, the rest is for a build."""
    from backend.accounts.guard import LOCAL

    with container.database.write() as connection:
        return base, container.jobs.enqueue(connection, LOCAL, "build", {"source_ids": []}, knowledge_base_id=base.id)


def _begin(container: Container, opened_import: Import, name: str) -> tuple[KnowledgeBase, Job]:
    from backend.accounts.guard import LOCAL
    from backend.cli.following import follow_here

    with container.blobs.hold() as holding:
        follow_here(opened_import.store(holding))
        chosen = _embedders(container, opened_import)
        with container.database.write() as connection:
            opened_import.begun(connection, LOCAL, name)  # somebody may have taken the name meanwhile
            base = opened_import.make_base(connection, LOCAL, name, container.embedders, chosen)
            return base, container.jobs.enqueue(
                connection, LOCAL, "build", {"source_ids": []}, knowledge_base_id=base.id
            )


def _embedders(container: Container, opened_import: Import) -> tuple[str, ...]:
    """Those of the export that there are here; where there is none of them, those of new bases."""
    wanted = opened_import.manifest.embedders
    known = [each for each in wanted if each in container.embedders]
    chosen = container.checked_embedders(known if known or not wanted else None)
    if missing := [each for each in wanted if each not in known]:
        instead = f"; {', '.join(chosen)} makes new vectors" if not known and chosen else ""
        typer.echo(f"Left out, since no embedder of this name is configured: {', '.join(missing)}{instead}.", err=True)
    return chosen
