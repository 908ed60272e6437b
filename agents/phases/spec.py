"""What a run is asked to do, as one value: made once, stored as JSON, and read by whatever process performs the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from knowledge.types import Filters, Scope

DEFAULT_PHASE = "answer"
"""What a run is when nothing else is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a run may use at most; None is no limit. `cost` is in the currency of the model's prices."""

    steps: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resume:
    """What a run that waited is taken up with: what its phase had asked for, and the answer, a JSON value."""

    asked: Mapping[str, Any]
    answer: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """What is asked, of which phase, with whose rights, over what, and within which limits.

    `knowledge_bases`, `repositories` and `attachments` (of artifacts) are ids; no knowledge base means all that there
    are. `tools` are names, None those of the phase. `model` is a configured name, "none" for an answer without a
    model, an endpoint (name, base_url and a sealed api_key), or None for the default. `phase_version` is that of a
    user's phase, so that a run that goes on later does what it began to do; None the newest, or a phase of the product.
    `language` is what commands answer in; None that of the words typed.
    """

    question: str
    phase: str = DEFAULT_PHASE
    phase_version: int | None = None
    scope: Scope
    knowledge_bases: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    filters: Filters | None = None
    tools: tuple[str, ...] | None = None
    budget: Budget = Budget()
    attachments: tuple[str, ...] = ()
    model: str | Mapping[str, str] | None = None
    language: Literal["en", "zh"] | None = None
    resume: Resume | None = None


_SPEC = TypeAdapter(RunSpec)


def encode_spec(spec: RunSpec) -> dict[str, Any]:
    """The spec as a JSON object."""
    return asdict(spec)


def decode_spec(data: Mapping[str, Any]) -> RunSpec:
    """The spec that `encode_spec` wrote; fields that are missing have their defaults. Raises ValueError."""
    return _SPEC.validate_python(dict(data))
