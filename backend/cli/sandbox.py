"""`devops-chatbot sandbox`: build what code finds inside, say how things stand, clean up."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from backend.settings import Settings
    from sandbox.types import Availability

app = typer.Typer(help="The sandbox that runs code.", no_args_is_help=True)

RECIPE = "public: on a base image from a registry; debian: of Debian packages alone; auto: the first that works."
ENGINE = "Build for docker, for bubblewrap, for both; auto: for what is there."
ARCHIVE = "Keep the file system of the debian recipe here, and take it from here when it is there."

Recipe = Annotated[Literal["auto", "public", "debian"], typer.Option("--recipe", help=RECIPE)]
Engine = Annotated[Literal["auto", "docker", "bubblewrap", "both"], typer.Option("--for", help=ENGINE)]


@app.command()
def build(
    recipe: Recipe = "auto",
    engine: Engine = "auto",
    archive: Annotated[Path | None, typer.Option("--archive", help=ARCHIVE)] = None,
) -> None:
    """Build what code finds in the sandbox: the languages of CHATBOT_SANDBOX__LANGUAGES."""
    from backend.cli.opening import made_data_dir
    from backend.settings import load_settings
    from sandbox.images.building import build_public

    settings = load_settings()
    made_data_dir(settings)
    for_docker, for_jails = _targets(settings, engine)
    chosen = settings.sandbox
    if for_docker and recipe != "debian":
        from sandbox.errors import BuildFailed

        try:
            build_public(chosen.languages, chosen.docker_host, typer.echo)
            for_docker = False
        except BuildFailed as error:
            if recipe == "public":
                raise
            typer.echo(f"The public recipe did not work ({str(error)[:300]}); now with Debian packages.")
    if for_docker or for_jails:
        _build_debian(settings, archive, for_docker, for_jails)
    typer.echo("Done. `devops-chatbot sandbox status` says how things stand.")


def _targets(settings: Settings, engine: str) -> tuple[bool, bool]:
    if engine != "auto":
        return engine in ("docker", "both"), engine in ("bubblewrap", "both")
    if settings.sandbox.adapter in ("docker", "bubblewrap"):
        return settings.sandbox.adapter == "docker", settings.sandbox.adapter == "bubblewrap"
    from sandbox.docker.adapter import engine_answers

    answers = engine_answers(settings.sandbox.docker_host)
    return answers, not answers


def _build_debian(settings: Settings, archive: Path | None, for_docker: bool, for_jails: bool) -> None:
    from backend.sandboxes.assembly import built_root
    from sandbox.images.building import build_archive, import_archive, unpack_root

    languages = settings.sandbox.languages
    with tempfile.TemporaryDirectory(prefix="devops-chatbot-sandbox-") as folder:
        made = archive or Path(folder, "root.tar")
        if not made.exists():
            part = made.with_suffix(".part.tar")
            build_archive(part, languages, typer.echo)
            part.rename(made)
        if for_docker:
            import_archive(made, languages, settings.sandbox.docker_host, typer.echo)
        if for_jails:
            unpack_root(made, built_root(settings), typer.echo)


@app.command()
def status() -> None:
    """Say which engine would run code, and what keeps the others from it."""
    from backend.sandboxes.assembly import OFF, adapters_of
    from backend.settings import load_settings

    settings = load_settings()
    if settings.sandbox.adapter == "off":
        typer.echo(OFF)
        raise typer.Exit(1)
    found = asyncio.run(_probe(settings))
    names = [adapter.name for adapter in adapters_of(settings)]
    used = next((name for name, each in zip(names, found, strict=True) if each.available), None)
    for name, each in zip(names, found, strict=True):
        mark = "in use " if name == used else "ready  " if each.available else "missing"
        typer.echo(f"{mark}  {name:<10}  {_told(each)}")
    if used is None:
        raise typer.Exit(1)


async def _probe(settings: Settings) -> list[Availability]:
    from backend.sandboxes.assembly import adapters_of

    adapters = adapters_of(settings)
    try:
        return [await adapter.probe() for adapter in adapters]
    finally:
        for adapter in adapters:
            await adapter.aclose()


def _told(found: Availability) -> str:
    if not found.available:
        return found.reason
    held = ", ".join(f"{limit}: {who}" for limit, who in found.enforcement.items())
    told = f"{found.detail}; {', '.join(found.languages)}; limits held by {held}"
    if found.missing:
        told += f"; Python has no {', '.join(found.missing)}: devops-chatbot sandbox build --for bubblewrap"
    return f"{told}; not held: {', '.join(found.not_held)}" if found.not_held else told


@app.command()
def prune() -> None:
    """Remove images and file systems that an earlier version built."""
    from backend.sandboxes.assembly import built_root
    from backend.settings import load_settings
    from sandbox.images.building import prune as prune_images

    settings = load_settings()
    root = built_root(settings)
    removed = prune_images(settings.sandbox.docker_host, root.parent, [root.name], typer.echo)
    typer.echo(f"{removed} removed.")
