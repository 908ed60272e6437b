"""The one vocabulary of a run: what the loop yields is what is stored, sent over SSE, drawn and compared in tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

Mode = Literal["extractive", "model"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A passage given to the answer, numbered as it may be cited."""

    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str
    heading_path: tuple[str, ...]
    anchor: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievedHit:
    """One row of "why these passages": where a chunk came from, its score and the parts of it, what dropped it."""

    rank: int
    chunk_id: int
    document_id: str
    path: str
    title: str
    heading_path: tuple[str, ...]
    text: str
    start: int
    end: int
    score: float
    parts: dict[str, float]
    dropped: str
    passage: int | None
    """The citation number of the passage that holds this chunk, if one does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """A `[n]` in the answer: where in the answer it stands, what it points at, and whether that supports it.

    `answer_start`/`answer_end` bound the sentence in the answer; `start`/`end` the quoted or best-matching passage in
    the document. `support` lies in 0..1.
    """

    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str
    heading_path: tuple[str, ...]
    anchor: str
    quote: str
    start: int
    end: int
    answer_start: int
    answer_end: int
    support: float
    supported: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """A page worth opening when nothing answers."""

    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str


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
    input_tokens: int
    output_tokens: int
    kind: Literal["usage_reported"] = "usage_reported"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished:
    """`text` is the whole answer, the concatenation of this attempt's deltas."""

    text: str
    answered: bool
    mode: Mode
    nearest: tuple[Nearest, ...] = ()
    duration_ms: float = 0.0
    kind: Literal["run_finished"] = "run_finished"


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


RunEvent = (
    RunStarted
    | StepStarted
    | StepFinished
    | Retrieved
    | TextDelta
    | Cited
    | UsageReported
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
    return adapter.validate_python(data)
