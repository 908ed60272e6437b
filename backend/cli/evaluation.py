"""`devops-chatbot eval …`: how well questions with known answers are answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.processes import AsJson

app = typer.Typer(help="Measure retrieval and answers.", no_args_is_help=True)


@app.callback()
def measure() -> None:
    """Keeps `retrieval` a word of its own while it is the only thing measured."""


@app.command()
def retrieval(
    kb: Annotated[str, typer.Option("--kb", help="The knowledge base.")],
    questions: Annotated[
        Path, typer.Option("--questions", help="One JSON object a line.", exists=True, dir_okay=False, readable=True)
    ],
    as_json: AsJson = False,
) -> None:
    """Put every question of a file to a knowledge base, without a model, and print the figures."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.evaluation.measurement import measure_base
    from knowledge.evaluation import read_questions
    from knowledge.storage.bases import KnowledgeBaseStore

    asked = read_questions(questions)
    with opened() as container:
        with container.database.read() as connection:
            base = KnowledgeBaseStore(connection, LOCAL).get(kb)
        report: dict[str, Any] = {}
        for step in measure_base(container.database, container.runner, LOCAL, base.id, asked):
            report = step.report or report
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    if unknown := report["unknown_documents"]:
        typer.echo(f"The base does not hold {len(unknown)} of the documents asked for, such as {unknown[0]}.", err=True)
    for name, value in report.items():
        if not isinstance(value, list):
            typer.echo(f"{name:<20} {'-' if value is None else value if isinstance(value, int) else f'{value:.3f}'}")
