"""What the built-in tools ask of the floors below and above; called in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.answering.ports import SearcherFor
from agents.evidence import Evidence
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseRef:
    """A knowledge base that a call may use."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLine:
    """A document in a list. `status` is received, indexed or failed."""

    id: str
    knowledge_base: str
    path: str
    title: str
    status: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentList:
    """The first documents of what was asked for, by path, and whether there are more."""

    documents: tuple[DocumentLine, ...]
    has_more: bool


class Documents(Protocol):
    """The documents of knowledge bases, of which a call may use those named by id in `bases` and no other."""

    def bases(self, scope: Scope, bases: Sequence[str]) -> Sequence[BaseRef]:
        """Those that are there, in this order."""
        ...

    def list(self, scope: Scope, bases: Sequence[str], *, query: str, limit: int) -> DocumentList: ...

    def passage(self, scope: Scope, bases: Sequence[str], document_id: str, start: int, end: int) -> Evidence:
        """The text between these offsets, as far as there is any. Raises NotFound."""
        ...

    def add(self, scope: Scope, base: str, path: str, text: str, *, call_id: str) -> str:
        """Add a text document, which is searched once it is built; with the same `call_id` it is done once. Returns
        the id of the job that builds it. Raises KnowledgeError, when there is one of this path, too."""
        ...

    def delete(self, scope: Scope, bases: Sequence[str], document_id: str, *, call_id: str) -> str:
        """Delete a document; with the same `call_id` it is done once. Returns its path. Raises NotFound."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltinParts:
    """What the built-in tools are made with."""

    searcher_for: SearcherFor
    documents: Documents
    now: Callable[[], datetime]
