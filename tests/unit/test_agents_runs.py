"""The frame of a run: one beginning, one end, whatever its phase does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from agents.errors import ModelUnavailable
from agents.events import (
    TERMINAL_KINDS,
    RunEvent,
    RunFailed,
    RunWaiting,
    StepStarted,
    TextDelta,
    decode_event,
    encode_event,
)
from agents.models.scripted import ScriptedChatModel
from agents.phases.context import RunContext
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement, Waiting
from agents.phases.spec import Budget, Resume, RunSpec, decode_spec, encode_spec
from agents.runner import Runner
from knowledge.errors import NotFound
from knowledge.types import Filters, Scope


class ScriptedPhase:
    """Says its events, raises its error, or waits for ever; remembers that it was closed."""

    name = "answer"
    description = Description(en="Says its events.", zh="按剧本。")

    def __init__(
        self,
        *events: Any,
        error: Exception | None = None,
        hangs: bool = False,
        requires: frozenset[Requirement] = frozenset(),
    ) -> None:
        self.requires = requires
        self.events = events
        self.error = error
        self.hangs = hangs
        self.closed = False

    def prepare(self) -> None:
        pass

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        try:
            for event in self.events:
                yield event
            if self.error is not None:
                raise self.error
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def context(phase: str = "answer", **changes: Any) -> RunContext:
    spec = RunSpec(question="q", phase=phase, scope=Scope(workspace_id="w", user_id="u"))
    return RunContext(run_id="r", thread_id="t", spec=spec, **changes)


async def collect(phase: ScriptedPhase, asked: RunContext, cancel: asyncio.Event | None = None) -> list[RunEvent]:
    events = [event async for event in Runner([phase]).run(asked, cancel or asyncio.Event())]
    assert events[0].kind == "run_started"
    assert [event.kind in TERMINAL_KINDS for event in events] == [False] * (len(events) - 1) + [True]
    assert [decode_event(encode_event(event)) for event in events] == events
    return events


async def test_a_finished_run_holds_the_text_of_its_deltas() -> None:
    phase = ScriptedPhase(
        StepStarted(step="answer"),
        TextDelta(text="a"),
        TextDelta(text="b"),
        Outcome(answered=True, mode="extractive"),
    )
    events = await collect(phase, context(attempt=3))
    assert [event.kind for event in events] == [
        "run_started", "step_started", "text_delta", "text_delta", "run_finished",
    ]  # fmt: skip
    started, finished = events[0], events[-1]
    assert (started.attempt, started.mode, started.model) == (3, "extractive", "")  # type: ignore[union-attr]
    assert (finished.text, finished.answered, finished.mode) == ("ab", True, "extractive")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ModelUnavailable("The model is away."), "model_unavailable", "The model is away."),
        (NotFound("No such base."), "not_found", "No such base."),
        (ZeroDivisionError("secret detail"), "internal_error", None),
    ],
)
async def test_an_error_ends_the_run_with_its_code(error: Exception, code: str, message: str | None) -> None:
    phase = ScriptedPhase(TextDelta(text="a"), error=error)
    end = (await collect(phase, context()))[-1]
    assert end.kind == "run_failed"
    assert end.code == code
    assert end.message == message if message else "secret" not in end.message
    assert phase.closed


async def test_a_phase_that_does_not_say_how_it_ended_fails_the_run() -> None:
    end = (await collect(ScriptedPhase(TextDelta(text="a")), context()))[-1]
    assert end.kind == "run_failed"


async def test_an_unknown_phase_fails_the_run() -> None:
    end = (await collect(ScriptedPhase(), context(phase="dance")))[-1]
    assert end.kind == "run_failed"
    assert end.code == "unknown_phase"
    assert "answer" in end.message


async def test_cancelling_keeps_what_was_written() -> None:
    phase = ScriptedPhase(TextDelta(text="half"), hangs=True)
    cancel = asyncio.Event()
    events = []
    async for event in Runner([phase]).run(context(), cancel):
        events.append(event)
        if event.kind == "text_delta":
            cancel.set()
    assert events[-1].kind == "run_cancelled"
    assert events[-1].text == "half"
    assert phase.closed


async def test_a_run_cancelled_before_it_begins_ends_at_once() -> None:
    cancel = asyncio.Event()
    cancel.set()
    events = await collect(ScriptedPhase(hangs=True), context(), cancel)
    assert events[-1].kind == "run_cancelled"


async def test_closing_the_iterator_ends_the_phase() -> None:
    phase = ScriptedPhase(TextDelta(text="a"), hangs=True)
    run = Runner([phase]).run(context(), asyncio.Event())
    async for event in run:
        if event.kind == "text_delta":
            break
    await run.aclose()
    assert phase.closed


async def test_cancelling_the_callers_task_is_not_swallowed() -> None:
    phase = ScriptedPhase(TextDelta(text="a"), hangs=True)

    async def consume() -> None:
        async for _ in Runner([phase]).run(context(), asyncio.Event()):
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert phase.closed


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """An event that nobody but this test knows."""

    text: str
    kind: Literal["noted"] = "noted"


async def test_an_event_that_the_runner_does_not_know_is_passed_on() -> None:
    noted = Noted(text="half way")
    phase = ScriptedPhase(noted, Outcome(answered=True, mode="extractive"))
    events = [event async for event in Runner([phase]).run(context(), asyncio.Event())]
    assert [event.kind for event in events] == ["run_started", "noted", "run_finished"]
    assert events[1] is noted


async def test_a_phase_cannot_end_the_run_by_itself() -> None:
    end = (await collect(ScriptedPhase(RunFailed(code="x", message="x")), context()))[-1]
    assert end.kind == "run_failed"
    assert end.code == "internal_error"


async def test_a_stored_run_may_wait_and_another_may_not() -> None:
    phase = ScriptedPhase(TextDelta(text="First: "), Waiting(asked={"question": "Which cluster?"}))
    events = [event async for event in Runner([phase]).run(context(may_wait=True), asyncio.Event())]
    assert events[-1] == RunWaiting(asked={"question": "Which cluster?"})
    end = (await collect(phase, context()))[-1]
    assert end.kind == "run_failed"
    assert end.code == "cannot_wait"


async def test_a_phase_that_needs_a_model_says_so() -> None:
    phase = ScriptedPhase(Outcome(answered=True, mode="model"), requires=frozenset({"model"}))
    end = (await collect(phase, context()))[-1]
    assert end.kind == "run_failed"
    assert end.code == "model_required"
    assert (await collect(phase, context(model=ScriptedChatModel("x"))))[-1].kind == "run_finished"


SPEC = RunSpec(
    question="Why?",
    phase="react",
    scope=Scope(workspace_id="w", user_id="u", roles=("admin",)),
    knowledge_bases=("kb",),
    repositories=("repo",),
    filters=Filters(path_prefixes=("guide/",), metadata={"team": ["a", 1]}),
    tools=("search",),
    budget=Budget(steps=3, cost=0.5),
    attachments=("a1",),
    model={"name": "m", "base_url": "http://m/v1", "api_key": "sealed"},
    resume=Resume(asked={"tool": "delete"}, answer={"decision": "approve"}),
)


@pytest.mark.parametrize("spec", [SPEC, RunSpec(question="q", scope=SPEC.scope)])
def test_a_spec_comes_back_from_its_json(spec: RunSpec) -> None:
    assert decode_spec(json.loads(json.dumps(encode_spec(spec)))) == spec
