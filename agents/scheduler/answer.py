"""The answer phase as an agent among others: retrieves, and answers with a citation behind every sentence."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from agents.citations.code_spans import change
from agents.events import Cited, Retrieved, StepFinished, StepStarted, TextDelta, UsageReported
from agents.evidence import Evidence
from agents.phases.phase import Outcome, PhaseEvent
from agents.scheduler.evidence import decode_found, encode_found
from agents.scheduler.performance import TurnResult
from agents.scheduler.speaking import SafeWriter
from agents.scheduler.turns import Turn
from knowledge.types import Verdict

_CITED = TypeAdapter(Cited)
_OUTCOME = TypeAdapter(Outcome)
_MARKER = re.compile(r"\[(\d{1,4})\]")


@dataclass(kw_only=True, slots=True)
class _Heard:
    """What the answer phase said. `offset` is how far its numbers are moved, for others have numbered before it."""

    offset: int
    writer: SafeWriter | None
    text: list[str] = field(default_factory=list)
    cited: Cited = field(default_factory=lambda: Cited(citations=()))
    found: tuple[Evidence, ...] = ()
    outcome: Outcome | None = None


async def act(turn: Turn) -> TurnResult:
    """The turn of an answer agent."""
    key = turn.key("answer")
    work = turn.work
    speaks = turn.speaks and turn.live
    entry = work.journal.find(key)
    writer = work.answer.safe_writer()
    if entry is None:
        # Without numbers of others before it, what it writes can be said as it comes.
        entry = await _answered(turn, key, writer if speaks and not work.evidence.passages else None)
    work.evidence.add(decode_found(entry))
    cited = _CITED.validate_python(entry["cited"]) if entry["cited"] is not None else None
    outcome = _OUTCOME.validate_python(entry["outcome"])
    if speaks:
        if not writer.begun:
            writer.feed(entry["text"])
        writer.finish(cited)
        work.spoken_as(outcome.mode)
        work.verdict, work.nearest = outcome.verdict, outcome.nearest
    turn.influenced = turn.influenced or bool(entry["found"])
    verdict: Verdict = outcome.verdict
    return TurnResult(text=entry["text"], result=verdict, said=turn.speaks)


async def _answered(turn: Turn, key: str, writer: SafeWriter | None) -> dict[str, Any]:
    work = turn.work
    heard = _Heard(offset=0, writer=writer)
    context = replace(work.context, history=work.context.history if work.definition.memory == "thread" else ())
    if context.model is not None or turn.agent.model is not None:
        context = replace(context, model=await turn.model(lambda _said: False))
    stream = work.answering.stream(context)
    async with aclosing(stream) as events:
        async for event in events:
            _hear(turn, heard, event)
    assert heard.outcome is not None
    entry = {
        "text": _moved("".join(heard.text), heard.offset),
        # Where numbers were moved, places in the text may have been, too: they are looked up again at the end.
        "cited": asdict(heard.cited) if not heard.offset else None,
        "outcome": asdict(heard.outcome),
        "found": encode_found(heard.found),
    }
    await work.journal.record(key, entry)
    return entry


def _hear(turn: Turn, heard: _Heard, event: PhaseEvent) -> None:
    if isinstance(event, TextDelta):
        heard.text.append(event.text)
        if heard.writer is not None and not heard.offset:
            heard.writer.feed(event.text)
    elif isinstance(event, Cited):
        heard.cited = event
    elif isinstance(event, Outcome):
        heard.outcome = event
    elif isinstance(event, Retrieved):
        heard.offset = turn.work.evidence.reserve(len(event.passages)) - 1 if event.passages else 0
        heard.found = tuple(replace(each, number=each.number + heard.offset) for each in event.passages)
        turn.work.emit(replace(event, passages=heard.found))
    elif isinstance(event, StepStarted | StepFinished):
        step_id = f"{turn.path}/{event.step_id}"
        turn.work.emit(replace(event, step_id=step_id, parent_id=turn.path))
    elif not isinstance(event, UsageReported):  # that is told with the model's recorded answer
        turn.work.emit(event)


def _moved(text: str, offset: int) -> str:
    """The text with its citation numbers moved, those in code left alone."""
    if not offset:
        return text
    return change(text, code=lambda span: span, outside=lambda part: _renumbered(part, offset))


def _renumbered(text: str, offset: int) -> str:
    return _MARKER.sub(lambda match: f"[{int(match.group(1)) + offset}]", text)
