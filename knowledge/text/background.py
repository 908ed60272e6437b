"""Pages that record how things came about, not how they are: proposals, change logs, archives."""

from __future__ import annotations

import re

BACKGROUND_SHARE = 0.85
"""What a page of background keeps of its score."""

_BACKGROUND = re.compile(
    r"(?:^|/)(?:proposals?|rfcs?|adrs?|change-?logs?|release-?notes|archived?|deprecated|legacy|drafts?|meetings?)(?=/|\.|$)",
    re.IGNORECASE,
)


def standing(path: str) -> float:
    """What a document keeps of its score, judged by its path: 1, or less of one that is background."""
    return BACKGROUND_SHARE if _BACKGROUND.search(path) else 1.0
