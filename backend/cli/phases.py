"""`devops-chatbot phases …`: list, check and show phases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.processes import AsJson

if TYPE_CHECKING:
    from agents.phases.catalogue import PhaseEntry
    from agents.phases.findings import Finding
    from backend.bootstrap import Container

app = typer.Typer(help="List, check and show phases: the ways in which a question is worked on.", no_args_is_help=True)


@app.command(name="list")
def list_phases(as_json: AsJson = False) -> None:
    """The phases there are: those of the product, then your own. What is missing for one is said."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.phases.availability import REASONS

    with opened() as container:
        entries = container.phases.entries(LOCAL)
        with container.database.read() as connection:
            missing = [container.abilities.missing(connection, LOCAL, each.requires) for each in entries]
    reasons = [
        each.problem or " ".join(REASONS[name] for name in names) for each, names in zip(entries, missing, strict=True)
    ]
    if as_json:
        listed = [_plain(each, reason) for each, reason in zip(entries, reasons, strict=True)]
        typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    width = max((len(each.name) for each in entries), default=0)
    for each, reason in zip(entries, reasons, strict=True):
        typer.echo(f"{each.name:<{width}}  {each.description.en}{f' [not now: {reason}]' if reason else ''}")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Phases as YAML.", dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a phase, with its file, line and column and what to write instead. Exits with 1 when there
    are errors; warnings keep nothing from being used."""
    from agents.phases.reading import read

    findings: list[Finding] = []
    for file in files:
        findings += read(_text(file), file=str(file)).findings
    if as_json:
        typer.echo(json.dumps([{"file": each.file, **each.plain()} for each in findings], ensure_ascii=False, indent=2))
    else:
        for each in findings:
            typer.echo(str(each))
        if not findings:
            typer.echo("Nothing is wrong.")
    if any(each.severity == "error" for each in findings):
        raise typer.Exit(1)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a phase.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print it as a picture in Mermaid.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print its text. This is also the default.")] = False,
) -> None:
    """Print a phase: its YAML, or its picture."""
    from agents.phases.reading import read_phase
    from backend.cli.opening import opened

    if mermaid and yaml:
        raise typer.BadParameter("choose one of --mermaid and --yaml.")
    with opened() as container:
        text = _text_of(container, name)
    if mermaid:
        from agents.phases.picture import draw
        from agents.phases.picture import mermaid as drawn

        text = drawn(draw(read_phase(text)))
    typer.echo(text, nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of phases, for an editor that completes and checks as you type."""
    from backend.phases.schema import phase_schema

    typer.echo(json.dumps(phase_schema(), ensure_ascii=False, indent=2))


def _text(file: Path) -> str:
    from backend.errors import Invalid

    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not text in UTF-8.") from None


def _text_of(container: Container, name: str) -> str:
    from agents.phases.builtin import built_in_text
    from backend.accounts.guard import LOCAL
    from backend.phases.store import PhaseStore

    with container.database.read() as connection:
        stored = PhaseStore(connection, LOCAL).find(name)
    if stored is not None:
        return stored.text
    container.phases.get(name, LOCAL)
    return built_in_text(name)


def _plain(entry: PhaseEntry, reason: str) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title.en,
        "description": entry.description.en,
        "requires": sorted(entry.requires),
        "built_in": entry.version is None,
        "version": entry.version,
        "available": not reason,
        "reason": reason,
    }
