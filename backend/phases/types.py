"""What is kept of users' phases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseVersion:
    """One save of a phase."""

    version: int
    author_id: str
    comment: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPhase:
    """A user's phase in one of its versions; `newest` is the number of the last one."""

    id: str
    name: str
    owner_id: str
    version: int
    newest: int
    text: str
    created_at: datetime
    updated_at: datetime
