"""The one vocabulary of a run: what the loop yields is what is stored, sent over SSE, drawn and compared in tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from agents.evidence import Citation, Evidence, Nearest, RetrievedHit
from knowledge.types import Verdict

Mode = Literal["extractive", "model"]
Risk = Literal["read", "write", "destructive", "unknown"]
"""What a call may do to the world; what is unknown is treated as a write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """First event of an attempt. An attempt above 1 follows a crash, or the answer to what the run waited for: text and
    citations before it no longer count."""

    run_id: str
    thread_id: str
    phase: str
    question: str
    mode: Mode
    model: str
    attempt: int = 1
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted:
    """A step of a phase began. `step` is its name for people to know; `step_id` tells it from others of the attempt and
    is the same in its end; `parent_id` is the `step_id` of the step it is part of."""

    step: str
    step_id: str = ""
    parent_id: str = ""
    detail: str = ""
    kind: Literal["step_started"] = "step_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFinished:
    step: str
    step_id: str = ""
    parent_id: str = ""
    duration_ms: float
    detail: str = ""
    kind: Literal["step_finished"] = "step_finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """What retrieval found. `query` is the question as searched (follow-ups made whole); `degraded` names embedders
    whose vectors are still being made."""

    query: str
    language: str
    hits: tuple[RetrievedHit, ...]
    passages: tuple[Evidence, ...]
    degraded: tuple[str, ...] = ()
    kind: Literal["retrieved"] = "retrieved"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDelta:
    """The next piece of the answer, Markdown with `[n]` markers."""

    text: str
    kind: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cited:
    """The citations of the finished text, checked. `uncited` bounds the sentences that carry no citation."""

    citations: tuple[Citation, ...]
    uncited: tuple[tuple[int, int], ...] = ()
    kind: Literal["cited"] = "cited"


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageReported:
    """What one call of a model used. `cost` is in the currency of the model's prices, 0.0 where none are known."""

    input_tokens: int
    output_tokens: int
    step_id: str = ""
    cost: float = 0.0
    kind: Literal["usage_reported"] = "usage_reported"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished:
    """`text` is the whole answer, the concatenation of this attempt's deltas. `answered` says whether the verdict is
    that; it is written with the event for those who read no more."""

    text: str
    verdict: Verdict
    mode: Mode
    nearest: tuple[Nearest, ...] = ()
    duration_ms: float = 0.0
    answered: bool = field(init=False)
    kind: Literal["run_finished"] = "run_finished"

    def __post_init__(self) -> None:
        object.__setattr__(self, "answered", self.verdict == "answered")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed:
    code: str
    message: str
    kind: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCancelled:
    text: str = ""
    kind: Literal["run_cancelled"] = "run_cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunWaiting:
    """Last event of an attempt, not of the run: it goes on when somebody answers what is `asked`, a JSON object."""

    asked: dict[str, Any]
    kind: Literal["run_waiting"] = "run_waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentStarted:
    """An agent of the phase took its turn. `agent` is its name in the phase, `role` its kind, `step_id` the same in its
    end and the `parent_id` of what it does."""

    agent: str
    role: str
    step_id: str
    parent_id: str = ""
    title: str = ""
    kind: Literal["agent_started"] = "agent_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentFinished:
    """`result` is what it decided, where it decides (a selector's choice, a checker's verdict); `detail` says why."""

    agent: str
    step_id: str
    parent_id: str = ""
    result: str = ""
    detail: str = ""
    duration_ms: float = 0.0
    kind: Literal["agent_finished"] = "agent_finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanStep:
    id: str
    text: str
    status: Literal["pending", "running", "done", "failed", "dropped"] = "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanUpdated:
    """The whole plan as it stands now."""

    steps: tuple[PlanStep, ...]
    step_id: str = ""
    kind: Literal["plan_updated"] = "plan_updated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thought:
    """What an agent wrote for itself or for the next agent; never part of the answer."""

    text: str
    agent: str = ""
    step_id: str = ""
    kind: Literal["thought"] = "thought"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCalled:
    """A call that is being made, its arguments checked; secrets in them are masked."""

    id: str
    tool: str
    arguments: dict[str, Any]
    risk: Risk
    step_id: str = ""
    kind: Literal["tool_called"] = "tool_called"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolFinished:
    """What became of the call `id`. `summary` is a line for people; the whole output is the artifact `artifact_id`
    where it was longer than what the model was given (`cut`). An answer cites the output as `number`, if that is not
    0. `reason_code` is a stable word for why a tool refused the call, where it has one, and `words` is what it says of
    that by language, for people."""

    id: str
    tool: str
    status: Literal["succeeded", "failed", "denied", "cut"]
    summary: str
    output: str = ""
    view: str = "text"
    data: Any = None
    artifact_id: str = ""
    duration_ms: float = 0.0
    step_id: str = ""
    number: int = 0
    reason_code: str = ""
    words: dict[str, str] = field(default_factory=dict)
    kind: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalRequested:
    """A person must decide on exactly this call, or answer a question (`tool` is empty then, `reason` the question).

    `round` is 2 when a destructive call asks again. `parameters` is the JSON Schema that edited arguments must meet;
    `expires_at` is a time in ISO 8601, UTC. `reason_code` is a stable word for the reason, empty where it has none;
    `titles` is the tool's by language, and `source` where the tool comes from.
    """

    approval_id: str
    tool: str
    arguments: dict[str, Any]
    reason: str
    expires_at: str
    risk: Risk = "write"
    round: int = 1
    parameters: dict[str, Any] = field(default_factory=dict)
    step_id: str = ""
    reason_code: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    source: str = ""
    kind: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalDecided:
    """`arguments` are those that were approved, after an edit."""

    approval_id: str
    decision: Literal["approve", "reject", "expired"]
    comment: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    decided_by: str = ""
    kind: Literal["approval_decided"] = "approval_decided"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetExceeded:
    """A limit of the run was reached: what follows is the answer from what there is. `limit` is a field of Budget, or
    `loop` when the agents went in circles."""

    limit: str
    used: float
    allowed: float
    message: str = ""
    kind: Literal["budget_exceeded"] = "budget_exceeded"


RunEvent = (
    RunStarted
    | StepStarted
    | StepFinished
    | Retrieved
    | TextDelta
    | Cited
    | UsageReported
    | AgentStarted
    | AgentFinished
    | PlanUpdated
    | Thought
    | ToolCalled
    | ToolFinished
    | ApprovalRequested
    | ApprovalDecided
    | BudgetExceeded
    | RunFinished
    | RunFailed
    | RunCancelled
    | RunWaiting
)
"""The registry of events: a new one is a dataclass with a `kind`, and a line here. A consumer takes those it knows and
passes over the rest."""

TERMINAL_KINDS = frozenset({"run_finished", "run_failed", "run_cancelled"})
FRAME_KINDS = TERMINAL_KINDS | {"run_started", "run_waiting"}
"""Events that say where an attempt begins or ends; they come from the runner, never from a phase."""

_KINDS: dict[str, TypeAdapter[RunEvent]] = {
    event.__dataclass_fields__["kind"].default: TypeAdapter(event) for event in RunEvent.__args__
}


def plain(value: Any) -> dict[str, Any]:
    """The fields of an event, or of a value in one, by name; the values in it stay what they are."""
    return {name: getattr(value, name) for name in value.__slots__}


def encode_event(event: RunEvent) -> str:
    """The event as one JSON object, `kind` included."""
    # Not by dataclasses.asdict, which copies every value of it deeply: a search's event has a thousand.
    return json.dumps(event, ensure_ascii=False, default=plain)


def decode_event(text: str) -> RunEvent:
    """The event `encode_event` wrote. Raises ValueError for anything else."""
    data: dict[str, Any] = json.loads(text)
    adapter = _KINDS.get(data.get("kind", ""))
    if adapter is None:
        raise ValueError(f"Unknown run event kind {data.get('kind')!r}.")
    if adapter is _KINDS["run_finished"]:
        # Events stored before there were three verdicts know of two.
        data.setdefault("verdict", "answered" if data.get("answered") else "nothing")
    return adapter.validate_python(data)
