"""An agent that looks at what another one wrote, and sends it back with reasons."""

from __future__ import annotations

from typing import Any

from agents.phases.definition import CheckerAgent
from agents.scheduler.briefing import briefing
from agents.scheduler.performance import TurnResult
from agents.scheduler.structured import NotOfShape, ask_object
from agents.scheduler.turns import Turn

ACCEPTED, REJECTED = "accepted", "rejected"
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"accepted": {"type": "boolean"}, "reasons": {"type": "string"}},
    "required": ["accepted"],
    "additionalProperties": True,
}


async def act(turn: Turn) -> TurnResult:
    """The turn of a checker; a verdict that cannot be read is a rejection, which says so."""
    assert isinstance(turn.agent, CheckerAgent)
    try:
        value = await ask_object(turn, briefing(turn, "checker"), _SCHEMA)
    except NotOfShape as error:
        return TurnResult(text="", result=REJECTED, detail=f"The verdict could not be read. {error}")
    reasons = str(value.get("reasons", "")).strip()
    return TurnResult(text=reasons, result=ACCEPTED if value["accepted"] else REJECTED, detail=reasons[:2_000])
