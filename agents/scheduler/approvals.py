"""Asking a person: a run that needs a decision says so and is parked; its next attempt finds the decision recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from agents.events import ApprovalDecided, ApprovalRequested
from agents.scheduler.journal import Journal

ApprovalVerdict = Literal["approve", "reject", "expired"]


class Parked(Exception):
    """An attempt can go no further before somebody decides; `asked` says on what."""

    def __init__(self, asked: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("The run waits for a decision.")
        self.asked = tuple(asked)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a person decided. `arguments` are None when they were not edited."""

    verdict: ApprovalVerdict
    comment: str = ""
    arguments: Mapping[str, Any] | None = None
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a person is asked: about a call, or with an empty `tool` something else. `fingerprint` binds the decision
    to exactly this."""

    key: str
    reason: str
    fingerprint: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    risk: Any = "write"
    round: int = 1
    step_id: str = ""
    reason_code: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def journal_key(approval_id: str) -> str:
    """Where the journal of a run has the decision on an approval."""
    return f"approval/{approval_id}"


def approval_id(run_id: str, question: Question) -> str:
    """The same for the same question in every attempt, and for no other."""
    text = "\0".join((run_id, question.key, str(question.round), question.fingerprint))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


async def decided(journal: Journal, run_id: str, question: Question, *, seconds: float) -> Decision:
    """The decision on a question. Raises Parked when there is none yet, once it has been asked for good."""
    identity = approval_id(run_id, question)
    entry = journal.find(journal_key(identity))
    if entry is None:
        key = f"{question.key}/asked.{question.round}.{identity[:8]}"
        asked = journal.find(key)
        if asked is None:
            event = _requested(identity, question, seconds)
            asked = _brief(event)
            await journal.record(key, asked, event)
        raise Parked([{name: value for name, value in asked.items() if name != "worked"}])
    decision = Decision(
        verdict=entry["decision"],
        comment=entry.get("comment", ""),
        arguments=entry.get("arguments"),
        decided_by=entry.get("decided_by", ""),
    )
    journal.note(f"{question.key}/decided.{question.round}.{identity[:8]}", {}, _told(identity, question, decision))
    return decision


def _requested(identity: str, question: Question, seconds: float) -> ApprovalRequested:
    return ApprovalRequested(
        approval_id=identity,
        tool=question.tool,
        arguments=dict(question.arguments),
        reason=question.reason,
        expires_at=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        risk=question.risk,
        round=question.round,
        parameters=dict(question.parameters),
        step_id=question.step_id,
        reason_code=question.reason_code,
        titles=dict(question.titles),
        source=question.source,
    )


def _brief(event: ApprovalRequested) -> dict[str, Any]:
    """What a waiting run says it waits for."""
    return {
        "approval_id": event.approval_id,
        "tool": event.tool,
        "arguments": event.arguments,
        "reason": event.reason,
        "expires_at": event.expires_at,
        "risk": event.risk,
        "round": event.round,
    }


def _told(identity: str, question: Question, decision: Decision) -> ApprovalDecided:
    return ApprovalDecided(
        approval_id=identity,
        decision=decision.verdict,
        comment=decision.comment,
        arguments=dict(decision.arguments if decision.arguments is not None else question.arguments),
        decided_by=decision.decided_by,
    )
