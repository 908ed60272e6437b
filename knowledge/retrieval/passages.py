"""Filling a budget of words with passages: the best chunks, helped by their neighbours, joined where they meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from knowledge.text.analysis import count_words
from knowledge.types import Chunk, DocumentRef, Passage, PassagePart

BUDGET_WORDS = 1500
"""What is handed to a reader or a model for one question."""

NEIGHBOUR_SUPPORT = 0.2
"""How much of its better neighbour's score a chunk gains."""

PULLED_SHARE = 0.7
PULLED_WORDS = 80
PULLING_CHUNKS = 20
"""A chunk of at most so many words next to one of the best so many is worth at least this share of that one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A chunk that may be handed over, with its score (0..1)."""

    chunk: Chunk
    score: float


def widen(candidates: Sequence[Candidate], neighbours: Collection[Chunk]) -> list[Candidate]:
    """Candidates and `neighbours` (chunks beside them, found or not), scored by themselves and by what is around them.

    An answer often stands in the paragraph after the one that has the question's words.
    """
    places = {(each.chunk.document_id, each.chunk.ordinal): each for each in candidates}
    scores = {place: each.score for place, each in places.items()}
    supported = {
        (name, ordinal): score
        + NEIGHBOUR_SUPPORT * max(scores.get((name, ordinal - 1), 0.0), scores.get((name, ordinal + 1), 0.0))
        for (name, ordinal), score in scores.items()
    }
    chunks = {place: each.chunk for place, each in places.items()}
    chunks.update({(chunk.document_id, chunk.ordinal): chunk for chunk in neighbours})
    best = sorted(supported, key=lambda place: (-supported[place], place))[:PULLING_CHUNKS]
    worth = dict(supported)
    for name, ordinal in best:
        for beside in ((name, ordinal - 1), (name, ordinal + 1)):
            if beside in chunks and count_words(chunks[beside].text) <= PULLED_WORDS:
                worth[beside] = max(worth.get(beside, 0.0), PULLED_SHARE * supported[name, ordinal])
    top = 1 + NEIGHBOUR_SUPPORT
    return [Candidate(chunk=chunks[place], score=score / top) for place, score in worth.items()]


def pack(
    candidates: Sequence[Candidate], documents: Mapping[str, DocumentRef], budget: float = BUDGET_WORDS
) -> tuple[Passage, ...]:
    """Passages of the best candidates within `budget` words, best first and numbered from 1.

    Chunks that follow each other in a document become one passage, standing where its best chunk would. A chunk whose
    text was taken already is left out; one that does not fit is passed over for a shorter one. Chunks of documents not
    in `documents` are left out.
    """
    taken: list[Candidate] = []
    seen: set[str] = set()
    room = budget
    for candidate in sorted(candidates, key=lambda each: (-each.score, each.chunk.id)):
        if candidate.chunk.document_id not in documents or candidate.chunk.content_hash in seen:
            continue
        words = count_words(candidate.chunk.text)
        if words <= room or not taken:
            taken.append(candidate)
            seen.add(candidate.chunk.content_hash)
            room -= words
    groups = sorted(_runs(taken), key=lambda run: -max(each.score for each in run))
    return tuple(
        _passage(number, run, documents[run[0].chunk.document_id]) for number, run in enumerate(groups, start=1)
    )


def _runs(taken: Sequence[Candidate]) -> list[list[Candidate]]:
    """Candidates grouped into unbroken runs of a document."""
    runs: list[list[Candidate]] = []
    for candidate in sorted(taken, key=lambda each: (each.chunk.document_id, each.chunk.start)):
        last = runs[-1][-1].chunk if runs else None
        if last and (last.document_id, last.end) == (candidate.chunk.document_id, candidate.chunk.start):
            runs[-1].append(candidate)
        else:
            runs.append([candidate])
    return runs


def _passage(number: int, run: Sequence[Candidate], document: DocumentRef) -> Passage:
    best = max(run, key=lambda each: each.score)
    text = "".join(each.chunk.text for each in run).rstrip()
    return Passage(
        number=number,
        document=document,
        heading_path=best.chunk.heading_path,
        anchor=best.chunk.anchor,
        text=text,
        start=run[0].chunk.start,
        end=run[0].chunk.start + len(text),
        score=best.score,
        chunk_ids=tuple(each.chunk.id for each in run),
        parts=tuple(_part(each.chunk) for each in run),
    )


def _part(chunk: Chunk) -> PassagePart:
    return PassagePart(
        start=chunk.start,
        heading_path=chunk.heading_path,
        anchor=chunk.anchor,
        header=_header_before(chunk),
        is_code=chunk.kind == "code" and not chunk.text.lstrip().startswith(("```", "~~~")),
        rows=chunk.rows,
    )


def _header_before(chunk: Chunk) -> str:
    """The header row of a table that the chunk only goes on with: the splitter puts it before its words."""
    first = chunk.text.lstrip().partition("\n")[0].strip()
    header = "".join(chunk.search_text.split("\n")[1:2]).strip()
    is_row = first.startswith("|") and header.startswith("|")
    return header if chunk.kind == "table" and is_row and header != first else ""
