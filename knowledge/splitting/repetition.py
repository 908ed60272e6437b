"""What chunks repeat of their document (its title, the headings they stand under, header rows), kept in proportion."""

from __future__ import annotations

REPEATED_SHARE = 2
"""How many times as long as its document everything repeated may be."""

REPEATED_FREELY = 100_000
"""Characters that may be repeated of a document of any length."""

TRIMMED = "its headings are long and many: passages name only the nearest, cut short"


class Repetition:
    """Counts what the chunks of one document repeat: a megabyte of headings, each copied into the chunks below it,
    would otherwise become hundreds."""

    def __init__(self, length: int) -> None:
        self._left = max(REPEATED_FREELY, REPEATED_SHARE * length)
        self.exceeded = False

    def allows(self, *texts: str) -> bool:
        """Whether a chunk may repeat all of these texts; counts them when it may."""
        cost = sum(map(len, texts))
        if cost > self._left:
            self.exceeded = True
            return False
        self._left -= cost
        return True
