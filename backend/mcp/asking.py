"""A question to a phase that is not part of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from agents.errors import AgentError, CannotWait
from agents.events import Cited, RunFailed, RunFinished
from agents.evidence import Citation
from backend.bootstrap import Container
from backend.errors import Invalid
from backend.limits import LONGEST_QUESTION
from backend.runs.unstored import unstored_context, unstored_events
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """`told` is the text with its sources below."""

    told: str
    verdict: str
    mode: str
    citations: Sequence[dict[str, Any]]


async def ask_phase(container: Container, scope: Scope, question: str, phase: str, bases: Sequence[str]) -> Answer:
    """The phase's whole answer. Raises Invalid, UnknownPhase, and what the run failed with."""
    if len(question) > LONGEST_QUESTION:
        raise Invalid(f"The question is longer than {LONGEST_QUESTION:,} characters.")
    container.capacity.check_room()
    context = await container.in_thread(unstored_context, container, scope, question, phase, bases)
    citations: tuple[Citation, ...] = ()
    finished: RunFinished | None = None
    with container.capacity.room():
        async with aclosing(unstored_events(container.runner, container.metrics, context)) as events:
            async for event in events:
                match event:
                    case Cited():
                        citations = event.citations
                    case RunFailed():
                        error = AgentError(event.message)
                        error.code = event.code
                        raise error
                    case RunFinished():
                        finished = event
                    case _:
                        continue
    if finished is None:
        raise CannotWait("The phase asks a person in the middle of its work: use the browser or the REST interface.")
    return Answer(
        told=_told(finished.text, citations),
        verdict=str(finished.verdict),
        mode=finished.mode,
        citations=[asdict(each) for each in citations],
    )


def _told(text: str, citations: Sequence[Citation]) -> str:
    sources = {
        each.number: f"[{each.number}] {each.title or each.path} ({each.url or each.path})" for each in citations
    }
    return "\n\n".join([text, "\n".join(sources[number] for number in sorted(sources))]).strip()
