"""The knowledge bases that a call means, among those that it may use."""

from __future__ import annotations

from collections.abc import Sequence

from agents.errors import ToolFailed
from agents.tools.builtin.ports import BaseRef, Documents
from agents.tools.ports import ToolContext

PROPERTY = {
    "type": "string",
    "maxLength": 200,
    "description": "Name or id of a knowledge base; all that may be used when left out.",
}


def meant(documents: Documents, context: ToolContext, named: str) -> Sequence[BaseRef]:
    """The one named, or all that the call may use. Raises ToolFailed, which says which there are."""
    found = documents.bases(context.scope, context.knowledge_bases)
    if not found:
        raise ToolFailed("There is no knowledge base that this call may use.")
    if not named:
        return found
    chosen = [base for base in found if named in (base.id, base.name)]
    if not chosen:
        raise ToolFailed(f"No knowledge base {named[:100]!r} may be used here. {_there_are(found)}")
    return chosen


def only_one(documents: Documents, context: ToolContext, named: str) -> BaseRef:
    """The one named, or the only one that there is. Raises ToolFailed."""
    found = meant(documents, context, named)
    if len(found) > 1:
        raise ToolFailed(f"Say which knowledge base: knowledge_base is missing. {_there_are(found)}")
    return found[0]


def _there_are(bases: Sequence[BaseRef]) -> str:
    shown = ", ".join(f"{base.name!r}" for base in bases[:30])
    return f"There is {shown}{' and more' if len(bases) > 30 else ''}."
