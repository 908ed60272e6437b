"""Questions to go on with: the headings around what an answer quotes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, zip_longest
from typing import cast

from sqlalchemy import Connection, select

from knowledge.storage.tables import chunks, documents, knowledge_bases
from knowledge.suggesting.headings import as_question, paths_in, plain_heading, rating
from knowledge.suggesting.types import CitedPlace, Suggestion
from knowledge.types import Language, Scope

MOST_PLACES = 5
"""So many of the places that an answer led to are looked around in."""
MOST_PASSAGES = 500
"""So many passages of a document are read for their headings."""


def following_questions(
    connection: Connection, scope: Scope, cited: Sequence[CitedPlace], *, asked: Collection[str] = (), limit: int = 3
) -> list[Suggestion]:
    """At most `limit` questions from the headings next to those cited, in the order of the document, places taking
    turns. What was `asked` or is cited already is left out, and what the scope may not see or is there no more."""
    places = list(dict.fromkeys(cited))[:MOST_PLACES]
    found = {each: list(_around(connection, scope, each)) for each in places}
    known = {plain_heading(each.heading_path[-1]).casefold() for each in cited if each.heading_path}
    known |= {question.strip().casefold() for question in asked}
    different: dict[str, Suggestion] = {}
    for each in chain.from_iterable(zip_longest(*found.values())):
        if each is None:
            continue
        names = {each.question.casefold(), plain_heading(each.heading_path[-1]).casefold()}
        if not names & known:
            different.setdefault(each.question.casefold(), each)
    return list(different.values())[:limit]


def _around(connection: Connection, scope: Scope, place: CitedPlace) -> Iterator[Suggestion]:
    """What stands below the heading, after it, then before it, and then whatever of the document asks best."""
    visible = (knowledge_bases.c.workspace_id == scope.workspace_id, knowledge_bases.c.deleted.is_(False))
    query = (
        select(documents.c.knowledge_base_id, documents.c.language)
        .join(knowledge_bases, knowledge_bases.c.id == documents.c.knowledge_base_id)
        .where(documents.c.id == place.document_id, *visible)
    )
    document = connection.execute(query).one_or_none()
    if document is None:
        return
    passages = select(chunks.c.heading_path, chunks.c.text).where(chunks.c.document_id == place.document_id)
    rows = connection.execute(passages.order_by(chunks.c.ordinal).limit(MOST_PASSAGES))
    paths = list(dict.fromkeys(path for row in rows for path in paths_in(row.heading_path, row.text)))
    for path in _nearest_first(paths, place.heading_path):
        yield Suggestion(
            question=as_question(plain_heading(path[-1])),
            language=cast("Language", document.language),
            knowledge_base_id=document.knowledge_base_id,
            document_id=place.document_id,
            heading_path=path,
        )


def _nearest_first(paths: Sequence[tuple[str, ...]], here: tuple[str, ...]) -> list[tuple[str, ...]]:
    usable = [path for path in paths if len(path) > 1 and path != here and plain_heading(path[-1])]
    at = paths.index(here) if here in paths else 0
    places = {path: place for place, path in enumerate(paths)}

    def order(path: tuple[str, ...]) -> tuple[bool, int]:
        distance = places[path] - at
        # What says too little to be asked comes last; what comes after is wanted before what came before.
        return rating(plain_heading(path[-1])) > 2, 2 * distance - 1 if distance > 0 else -2 * distance

    return sorted(usable, key=order)
