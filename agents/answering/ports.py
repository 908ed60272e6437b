"""What the answer phase asks of the knowledge floor; its retriever and answerer satisfy this by shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from knowledge.answering.evidence import Found
from knowledge.retrieval.retriever import SearchResult
from knowledge.types import ExtractedAnswer, Filters, Scope


class Searcher(Protocol):
    """Finds passages; called in threads."""

    def search(
        self, question: str, *, knowledge_bases: Sequence[str], top_k: int = 10, filters: Filters | None = None
    ) -> SearchResult: ...


SearcherFor = Callable[[Scope], Searcher]
"""What searches with the rights of this scope."""


class Extractor(Protocol):
    """Answers by quoting what was found; called in threads."""

    def answer(self, question: str, result: Found, *, word_budget: int = 150) -> ExtractedAnswer: ...
