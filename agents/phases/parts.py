"""What the composition root has for phases to be made of."""

from __future__ import annotations

from dataclasses import dataclass

from agents.answering.ports import Extractor, Introduce, SearcherFor
from knowledge.ports import Embedder


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseParts:
    """`embedder` is a fast one; `search_threads` counts the searches at once; `approval_seconds` is how long a person
    has to decide on a call; `introduce` says what can be done here, None where nothing is known of that."""

    searcher_for: SearcherFor
    extractor: Extractor
    embedder: Embedder | None = None
    search_threads: int = 1
    approval_seconds: float = 86_400.0
    introduce: Introduce | None = None
