"""Knowledge bases as callers name them: by id or by name; none named means all that there are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from knowledge.errors import NotFound
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.types import Scope


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
    if ids:
        return still_there(connection, scope, ids)
    store = KnowledgeBaseStore(connection, scope)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        bases, cursor = store.page(limit=500, cursor=cursor)
        found += [base.id for base in bases]
    return tuple(found)
