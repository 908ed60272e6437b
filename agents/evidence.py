"""What an answer rests on, as events carry it: what was found, what of it may be cited, and what was."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.types import PassagePart


@dataclass(frozen=True, kw_only=True, slots=True)
class CalledTool:
    """The call of a tool that put out what is cited. `query` is what was asked for and `time_range` the time that it
    was asked of, both as they were written in the arguments; `called_at` is in ISO 8601, UTC."""

    call_id: str
    audit_id: str
    tool: str
    source: str
    query: str
    time_range: str
    called_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A passage given to the answer, numbered as it may be cited: of a document, or what a tool put out (`call`).

    `parts` say what each part of it stands under, and which rows of a sheet it is from.
    """

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
    call: CalledTool | None = None
    parts: tuple[PassagePart, ...] = ()


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
    the document, or in the output of `call`, which has no document. `anchor` is the fragment that opens its place: that
    of the heading, `page=3`, `slide=2`, `sheet=Hosts&row=45`, of separated values `row=45-48`. `support` lies in 0..1.
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
    call: CalledTool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """A page worth opening when nothing answers."""

    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str
