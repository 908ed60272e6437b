"""The command line `devops-chatbot`. Nothing heavy is loaded before a command needs it.

Exit codes: 0 it worked, 1 it did not, 2 it was asked for wrongly. What went wrong is one sentence on stderr.
"""

from __future__ import annotations

import sys

import typer

from backend.cli import (
    evaluation,
    knowledge_bases,
    mcp,
    phases,
    portable,
    processes,
    questions,
    runs,
    sandbox,
    tool_sources,
    tools,
)
from backend.errors import NamedError

ASKED_WRONGLY = frozenset({"settings_invalid", "invalid_input"})

app = typer.Typer(
    name="devops-chatbot",
    help="Cited answers from your documents, code and systems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
processes.add_to(app)
portable.add_to(knowledge_bases.app)
app.add_typer(knowledge_bases.app, name="kb")
questions.add_to(app)
mcp.add_to(app)
app.add_typer(phases.app, name="phases")
app.add_typer(runs.app, name="runs")
tool_sources.add_to(tools.app)
app.add_typer(tools.app, name="tools")
app.add_typer(evaluation.app, name="eval")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Runs the command the process was started with, and exits."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the outermost edge: whoever typed the command gets a sentence, not a traceback
        if isinstance(error, NamedError):
            _fail(str(error), 2 if error.code in ASKED_WRONGLY else 1)
        if _is_unreachable_database(error):
            reason = " ".join(str(getattr(error, "orig", error)).split())
            _fail(f"The database cannot be reached: {reason}", 1)
        raise


def _fail(sentence: str, exit_code: int) -> None:
    typer.echo(sentence, err=True)
    sys.exit(exit_code)


def _is_unreachable_database(error: Exception) -> bool:
    """Told by name: importing the driver's errors would cost every command what few need."""
    return type(error).__module__.startswith("sqlalchemy") and type(error).__name__ == "OperationalError"
