"""An agent that is a person: asked, and waited for."""

from __future__ import annotations

import hashlib
from typing import Any

from agents.errors import CannotWait
from agents.phases.definition import HumanAgent
from agents.scheduler.approvals import Question, decided
from agents.scheduler.performance import TurnResult
from agents.scheduler.turns import Turn


async def act(turn: Turn) -> TurnResult:
    """The turn of a person: what they say is the text and the result; without words, whether they agreed. Raises
    Parked, CannotWait."""
    agent, work = turn.agent, turn.work
    assert isinstance(agent, HumanAgent)
    if not work.context.may_wait:
        raise CannotWait(
            f"The phase {work.definition.name!r} asks a person in the middle of its work: ask it in a conversation."
        )
    asked = agent.question.zh if work.language == "zh" else agent.question.en
    answers: dict[str, Any] = {"type": "string", "enum": list(agent.options)} if agent.options else {"type": "string"}
    question = Question(
        key=turn.key("human"),
        reason=asked,
        fingerprint=hashlib.sha256(asked.encode()).hexdigest(),
        parameters=answers,
        risk="read",
        step_id=turn.path,
    )
    decision = await decided(work.journal, work.context.run_id, question, seconds=work.parts.approval_seconds)
    verdict = {"approve": "approved", "reject": "rejected", "expired": "expired"}[decision.verdict]
    said = decision.comment.strip()
    result = said if said and decision.verdict == "approve" else verdict
    return TurnResult(text=said or verdict, result=result[:200], detail=said[:2_000])
