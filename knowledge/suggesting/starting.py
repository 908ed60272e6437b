"""Questions to begin with: what the documents of some bases say, in the language of who asks."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import chain, zip_longest
from typing import Any, cast

from sqlalchemy import Connection, select

from knowledge.storage.documents import in_portions
from knowledge.storage.tables import chunks, documents
from knowledge.suggesting.headings import as_question, paths_in, plain_heading, rating
from knowledge.suggesting.types import Suggestion
from knowledge.types import Language

MOST_BASES = 12
MOST_DOCUMENTS = 2_000
"""Of each base, by path; more would tell no better questions."""
READ = 24
"""Documents of a base whose headings are read."""

_BACKSTAGE = re.compile(
    r"(?:^|/)(?:contributing|developer[^/]*|proposals?|releas[^/]*|upgrading|changelog|license|code.of.conduct|security)(?=[/.]|$)",
    re.IGNORECASE,
)
"""Documents for those who make a thing or watch over it rather than use it."""
_FRONT_DOOR = re.compile(
    r"(?:^|/)(?:faqs?|(?:frequently.asked.)?questions|getting.started|quick.?start|troubleshooting|how.?to[^/]*)(?=[/.]|$)"
    r"|入门|快速开始|常见问题",
    re.IGNORECASE,
)
"""Documents that say what people ask first."""


def starting_questions(
    connection: Connection, base_ids: Sequence[str], language: Language, *, limit: int = 3
) -> list[Suggestion]:
    """At most `limit` questions, of as many documents as can be, the bases taking turns; those of documents in
    `language` before others. Empty when nothing has been read yet. The ids must be of bases that the caller
    may see."""
    offered = [_of_base(connection, each, language, limit) for each in base_ids[:MOST_BASES]]
    turns = [each for each in chain.from_iterable(zip_longest(*offered)) if each is not None]
    # What asks or names something to do comes before what only tells, and this language before the other.
    turns.sort(key=lambda each: (each.language != language, max(1, _rating(each))))
    different = {each.question.casefold(): each for each in reversed(turns)}
    return list(reversed(different.values()))[:limit]


def _of_base(connection: Connection, base_id: str, language: Language, enough: int) -> list[Suggestion]:
    """A question of each of some documents, the best first; where those are not enough, further ones of each."""
    mine = (documents.c.knowledge_base_id == base_id, documents.c.status == "indexed")
    columns = (documents.c.id, documents.c.path, documents.c.language)
    query = select(*columns).where(*mine).order_by(documents.c.path_start, documents.c.id).limit(MOST_DOCUMENTS)
    rows = connection.execute(query).all()
    native = _chosen([row for row in rows if row.language == language])
    others = _chosen([row for row in rows if row.language != language])
    chosen = [row.id for row in [*native, *others]][:READ]
    headings = _headings(connection, chosen)
    languages = {row.id: cast("Language", row.language) for row in rows}
    ranked = [[(document_id, path) for path in _ranked(headings.get(document_id, ()))] for document_id in chosen]
    rounds = [[place for place in each if place is not None] for each in zip_longest(*ranked)]
    found: list[Suggestion] = []
    for places in rounds:
        if len(found) >= enough:
            break
        asked = [_suggestion(base_id, document_id, languages[document_id], path) for document_id, path in places]
        found += sorted(asked, key=_rating)
    return found


def _suggestion(base_id: str, document_id: str, language: Language, path: tuple[str, ...]) -> Suggestion:
    return Suggestion(
        question=as_question(plain_heading(path[-1])),
        language=language,
        knowledge_base_id=base_id,
        document_id=document_id,
        heading_path=path,
    )


def _chosen(rows: Sequence[Any]) -> list[Any]:
    """Documents from all over a base, those that say what people ask first before others, none from behind the stage
    unless there are no others."""
    useful = [row for row in rows if not _BACKSTAGE.search(row.path)] or rows
    doors = [row for row in useful if _FRONT_DOOR.search(row.path)]
    spread = useful[:: max(1, len(useful) // READ)]
    return list(dict.fromkeys([*doors[: READ // 2], *spread]))[:READ]


def _headings(connection: Connection, document_ids: Collection[str]) -> dict[str, list[tuple[str, ...]]]:
    """The paths of headings below the title of each document, in their order."""
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for portion in in_portions(document_ids):
        columns = (chunks.c.document_id, chunks.c.heading_path, chunks.c.text)
        query = select(*columns).where(chunks.c.document_id.in_(portion))
        for row in connection.execute(query.order_by(chunks.c.document_id, chunks.c.ordinal)):
            below = [path for path in paths_in(row.heading_path, row.text) if len(path) > 1]
            found.setdefault(row.document_id, {}).update(dict.fromkeys(below))
    return {document_id: list(paths) for document_id, paths in found.items()}


def _ranked(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The headings that make questions, the best first; among equals those nearest to the middle."""
    usable = [path for path in paths if plain_heading(path[-1])]
    places = {path: abs(place - len(usable) / 2) for place, path in enumerate(usable)}
    return sorted(usable, key=lambda path: (rating(plain_heading(path[-1])), places[path]))


def _rating(suggestion: Suggestion) -> int:
    return rating(plain_heading(suggestion.heading_path[-1]))
