"""`devops-chatbot search` and `ask`: the product's main job from a terminal or a script."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.processes import AsJson
from backend.limits import LONGEST_QUESTION

if TYPE_CHECKING:
    from agents.events import RunFinished
    from agents.phases.context import RunContext
    from backend.bootstrap import Container
    from knowledge.types import Hit

NARROW = 300


def _bounded(question: str) -> str:
    if len(question) > LONGEST_QUESTION:
        raise typer.BadParameter(f"it is longer than {LONGEST_QUESTION:,} characters.")
    return question


Question = Annotated[str, typer.Argument(help="In English or Chinese.", callback=_bounded)]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.command()(search)
    app.command()(ask)


def search(
    question: Question,
    kb: Annotated[str, typer.Option("--kb", help="The knowledge base.")],
    top_k: Annotated[int, typer.Option("--top-k", help="How many passages.", min=1, max=100)] = 10,
    as_json: AsJson = False,
) -> None:
    """Find the passages that a question is about."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from knowledge.storage.bases import KnowledgeBaseStore

    with opened() as container:
        with container.database.read() as connection:
            base = KnowledgeBaseStore(connection, LOCAL).get(kb)
        found = container.retriever(LOCAL).search(question, knowledge_bases=[base.id], top_k=top_k)
    hits = [hit for hit in found.hits if not hit.dropped]
    if as_json:
        body = {"hits": [_hit(hit) for hit in hits], "language": found.language, "degraded": list(found.degraded)}
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
        return
    for hit in hits:
        where = " › ".join((hit.document.title or hit.document.path, *hit.chunk.heading_path))
        text = " ".join(hit.chunk.text.split())
        typer.echo(f"{hit.rank}. {hit.score:.3f}  {where}  ({hit.document.path})")
        typer.echo(f"   {text[:NARROW]}{'…' if len(text) > NARROW else ''}\n")
    if not hits:
        typer.echo("Nothing was found.", err=True)


def ask(
    question: Question,
    kb: Annotated[list[str] | None, typer.Option("--kb", help="A knowledge base; repeatable. Default: all.")] = None,
    phase: Annotated[str, typer.Option("--phase", help="What a run is to be: see `phases list`.")] = "answer",
    as_json: AsJson = False,
) -> None:
    """Ask, and get an answer with citations."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.runs.unstored import unstored_context

    with opened() as container:
        context = unstored_context(container, LOCAL, question, phase, kb or ())
        asyncio.run(_answer(container, context, as_json))


async def _answer(container: Container, context: RunContext, as_json: bool) -> None:
    from agents.events import Cited, RunFailed, RunFinished, TextDelta

    citations: list[dict[str, Any]] = []
    try:
        async for event in container.runner.run(context, asyncio.Event()):
            match event:
                case TextDelta() if not as_json:
                    typer.echo(event.text, nl=False)
                case Cited():
                    citations = [asdict(each) for each in event.citations]
                case RunFailed():
                    typer.echo(event.message, err=True)
                    raise typer.Exit(1)
                case RunFinished():
                    _end(event, citations, as_json)
                case _:
                    continue
    finally:
        await container.catalogue.aclose()


def _end(finished: RunFinished, citations: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        body = {**asdict(finished), "citations": citations}
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
        return
    typer.echo("\n")
    for number, each in sorted({each["number"]: each for each in citations}.items()):
        where = " › ".join((each["title"] or each["path"], *each["heading_path"]))
        typer.echo(f"[{number}] {where}  ({each['url'] or each['path']})")
    if finished.verdict != "answered":
        for nearest in finished.nearest:
            typer.echo(f"- {nearest.title or nearest.path}  ({nearest.url or nearest.path})")


def _hit(hit: Hit) -> dict[str, Any]:
    document = {name: getattr(hit.document, name) for name in ("id", "path", "title", "url")}
    return {
        "document": document,
        "heading_path": list(hit.chunk.heading_path),
        "text": hit.chunk.text,
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "score": hit.score,
        "rank": hit.rank,
        "parts": hit.parts,
    }
