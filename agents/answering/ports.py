"""What the answer phase asks of the knowledge floor; its retriever and answerer satisfy this by shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from knowledge.answering.evidence import Found
from knowledge.retrieval.retriever import SearchResult
from knowledge.types import ExtractedAnswer, Filters, Language, Scope, Verdict

if TYPE_CHECKING:
    from agents.phases.context import RunContext


class Searcher(Protocol):
    """Finds passages; called in threads."""

    def search(
        self, question: str, *, knowledge_bases: Sequence[str], top_k: int = 10, filters: Filters | None = None
    ) -> SearchResult: ...


SearcherFor = Callable[[Scope], Searcher]
"""What searches with the rights of this scope."""


class Extractor(Protocol):
    """Answers by quoting what was found; called in threads. `judge` says beforehand how surely that will be."""

    def answer(self, question: str, result: Found, *, word_budget: int = 150) -> ExtractedAnswer: ...

    def judge(self, question: str, result: Found) -> Verdict: ...


Introduce = Callable[["RunContext", Language], str]
"""What this installation can do for a run, in Markdown; may read the database, so it is called in threads."""
