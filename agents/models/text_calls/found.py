"""A call as it was found in a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_CALLS = 32
"""So many places of a text are looked at for each way of writing calls: what has more is not written by a model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCall:
    """Where it stands, the tool it names, and its arguments: None where they could not be read, as `problem` says;
    `raw` is what stands there."""

    start: int
    end: int
    name: str
    arguments: dict[str, Any] | None
    problem: str = ""
    raw: str = ""
