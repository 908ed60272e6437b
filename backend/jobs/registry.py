"""The kinds of job there are: a new one is a file of its own and a line here."""

from __future__ import annotations

from typing import Any

from backend.evaluation.job import EVALUATE
from backend.jobs.kinds import JobKind
from backend.knowledge_bases.jobs import BUILD, DELETE, EMBED

KINDS: tuple[JobKind[Any], ...] = (
    BUILD,
    EMBED,
    DELETE,
    EVALUATE,
)
