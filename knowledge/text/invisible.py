"""Characters that nobody sees, and that must not come between a word and who looks for it."""

from __future__ import annotations

import re

# Soft hyphen, zero-width spaces and joiners, direction marks, word joiner and its kin, variation selectors, BOM.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text without soft hyphens, zero-width characters, direction marks and the like."""
    return text if text.isascii() else _INVISIBLE.sub("", text)
