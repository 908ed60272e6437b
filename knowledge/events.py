"""The one vocabulary of a build: what an Ingestor leads to, for whoever shows or records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RECEIVED, PARSED, SPLIT, WORDS = "received", "parsed", "split", "words"
"""Stages in their order; then one `vectors:<embedder>` for each embedder, the fastest first."""

DELETED = "deleted"
"""The one stage of the deletion of a knowledge base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageProgress:
    """Where one stage stands: `done` of `total` files or chunks, `failed` of them in vain.

    `total` may grow while files are still being found. Comes about every second at least while work goes on, unchanged
    if need be, so that a caller can stop the build by closing it.
    """

    stage: str
    done: int
    total: int
    failed: int = 0
    last_error: str = ""
    kind: Literal["stage_progress"] = "stage_progress"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFailed:
    """A file that could not be used, and why; it never stops the others. `document_id` is empty when it has no row."""

    path: str
    code: str
    reason: str
    document_id: str = ""
    kind: Literal["document_failed"] = "document_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSkipped:
    """A file that was left out by a rule of its source, and which."""

    path: str
    reason: str
    kind: Literal["document_skipped"] = "document_skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildNote:
    """Something worth a line in the log of the build, such as how many pictures were passed over."""

    message: str
    kind: Literal["build_note"] = "build_note"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildFinished:
    """The last event. Counts of what this build did: `unchanged` cost nothing, `indexed` were made searchable."""

    received: int
    unchanged: int
    indexed: int
    failed: int
    removed: int
    embedded: int
    kind: Literal["build_finished"] = "build_finished"


BuildEvent = StageProgress | DocumentFailed | DocumentSkipped | BuildNote | BuildFinished
"""Closed: a consumer matches every member and ends with `assert_never`."""
