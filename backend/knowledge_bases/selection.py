"""Knowledge bases as callers name them: by id or by name; where none is named, those that are meant."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from knowledge.errors import NotFound
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.types import KnowledgeBase, Scope

SAMPLE_NAME = "guide"
SAMPLE_DESCRIPTION = "How to use this product. 本产品的使用指南。"


def is_sample(base: KnowledgeBase) -> bool:
    """Whether a base is the guide as it was made at the first start; one that was renamed or described anew is not."""
    return (base.name, base.description) == (SAMPLE_NAME, SAMPLE_DESCRIPTION)


def resolve(connection: Connection, scope: Scope, names: Sequence[str]) -> tuple[str, ...]:
    """The ids of the bases named, each once. Raises NotFound."""
    store = KnowledgeBaseStore(connection, scope)
    return tuple(dict.fromkeys(store.get(name).id for name in names))


def still_there(connection: Connection, scope: Scope, ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the bases that have not been deleted since they were chosen."""
    store = KnowledgeBaseStore(connection, scope)
    found = []
    for each in ids:
        try:
            found.append(store.get(each).id)
        except NotFound:
            continue
    return tuple(found)


def chosen_or_all(connection: Connection, scope: Scope, ids: Sequence[str]) -> tuple[str, ...]:
    """The bases chosen that are still there; all of the scope when none was chosen."""
    return still_there(connection, scope, ids) if ids else tuple(base.id for base in _all(connection, scope))


def chosen_or_own(connection: Connection, scope: Scope, ids: Sequence[str]) -> tuple[str, ...]:
    """The bases chosen that are still there; when none was chosen, all of the scope but the sample guide, which knows
    an answer to many a question about other things: it is asked where it is chosen, or no other base has a document."""
    if ids:
        return still_there(connection, scope, ids)
    there = _all(connection, scope)
    own = [base for base in there if not is_sample(base)]
    counted = KnowledgeBaseStore(connection, scope).statistics(own) if len(own) < len(there) else {}
    if any(counts.document_count for counts in counted.values()):
        there = own
    return tuple(base.id for base in there)


def _all(connection: Connection, scope: Scope) -> list[KnowledgeBase]:
    store = KnowledgeBaseStore(connection, scope)
    found: list[KnowledgeBase] = []
    cursor: str | None = ""
    while cursor is not None:
        bases, cursor = store.page(limit=500, cursor=cursor)
        found += bases
    return found
