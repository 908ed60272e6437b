"""An agent that writes the plan, and a new one when a step failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents.events import PlanStep, PlanUpdated
from agents.messages.parts import Message
from agents.phases.definition import PlannerAgent
from agents.scheduler.briefing import briefing
from agents.scheduler.performance import TurnResult
from agents.scheduler.structured import NotOfShape, ask_object
from agents.scheduler.turns import Turn

_LONGEST_STEP = 2_000


async def act(turn: Turn) -> TurnResult:
    """The turn of a planner: the plan stands on the board. A model that writes none gets the question as its one step,
    which is said."""
    agent = turn.agent
    assert isinstance(agent, PlannerAgent)
    messages = briefing(turn, "planner")
    most = agent.max_plan_steps
    messages[0] = Message.of("system", messages[0].text.replace("{most}", str(most)))
    detail = ""
    try:
        value = await ask_object(turn, messages, _schema(most))
        texts = [text.strip()[:_LONGEST_STEP] for text in value["steps"]]
    except NotOfShape as error:
        texts, detail = [turn.work.context.question], f"No plan could be read, so the question is the one step. {error}"
    board = turn.work.board
    kept = tuple(step for step in board.plan if step.status == "done")
    numbered = [PlanStep(id=str(len(kept) + number), text=text) for number, text in enumerate(texts, 1) if text]
    show(turn, (*kept, *numbered))
    return TurnResult(text=as_text(board.plan), result="done" if not detail else "failed", detail=detail)


def show(turn: Turn, plan: tuple[PlanStep, ...]) -> None:
    """Put the plan on the board, and tell of it."""
    turn.work.board.plan = plan
    event = PlanUpdated(steps=plan, step_id=turn.path)
    turn.work.journal.note(turn.key("plan"), {}, event)


def marked(plan: tuple[PlanStep, ...], at: int, status: Any) -> tuple[PlanStep, ...]:
    """The plan with one step's status changed."""
    return tuple(replace(step, status=status) if index == at else step for index, step in enumerate(plan))


def as_text(plan: tuple[PlanStep, ...]) -> str:
    """The plan as agents read it."""
    return "\n".join(f"{step.id}. [{step.status}] {step.text}" for step in plan)


def _schema(most: int) -> dict[str, Any]:
    steps = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": most}
    return {"type": "object", "properties": {"steps": steps}, "required": ["steps"], "additionalProperties": True}
