"""What people can be offered to ask, as MCP prompts: an answer from the documents, and each phase there is."""

from __future__ import annotations

from collections.abc import Mapping

from mcp import types
from mcp.shared.exceptions import McpError

from agents.phases.catalogue import PhaseCatalogue, PhaseEntry
from knowledge.types import Scope

CITE = "cite"
LONGEST = 20_000
_CITE = (
    "Answer the question below from the team's documents alone. Search them with search_knowledge_base, open what you "
    "need with open_passage, put the number of the passage behind every sentence, and say so when they do not answer "
    "it.\n\n{question}"
)
_PHASE = (
    "Call the tool `ask` with the phase {phase!r} and this question, and give its answer with its sources."
    "\n\n{question}"
)
_QUESTION = [types.PromptArgument(name="question", description="What is to be answered.", required=True)]


def offered(catalogue: PhaseCatalogue, scope: Scope) -> list[types.Prompt]:
    """All of them. Reads the database."""
    cite = types.Prompt(
        name=CITE, title="Answer with citations", description="Answer from the documents alone.", arguments=_QUESTION
    )
    return [cite, *(_prompt(each) for each in catalogue.entries(scope) if not each.problem)]


def filled(catalogue: PhaseCatalogue, scope: Scope, name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """The prompt of this name about a question. Reads the database. Raises McpError."""
    question = arguments.get("question", "").strip()
    if not question or len(question) > LONGEST:
        raise _failed(f"question is needed: a text of at most {LONGEST:,} characters.")
    known = {each.name: each for each in offered(catalogue, scope)}
    prompt = known.get(name)
    if prompt is None:
        raise _failed(f"There is no prompt {name[:80]!r}; there is {', '.join(known)}.")
    text = (_CITE if name == CITE else _PHASE).format(phase=name, question=question)
    said = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=prompt.description, messages=[said])


def _prompt(entry: PhaseEntry) -> types.Prompt:
    return types.Prompt(name=entry.name, title=entry.title.en, description=entry.description.en, arguments=_QUESTION)


def _failed(message: str) -> McpError:
    return McpError(types.ErrorData(code=types.INVALID_PARAMS, message=message))
