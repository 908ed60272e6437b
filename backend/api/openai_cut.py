"""`stop` and `max_tokens`: where an answer ends before its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

CutReason = Literal["stop", "length"]

_TOKEN = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W\d_]{1,4}|\d{1,3}|[^\s])|\s+")
"""What counts as a token: an ideograph, four letters, three digits or another sign, with the white space before it.
Tokenizers of models make fewer of the same text, seldom more."""


class AnswerCut:
    """Lets the text of an answer through piece by piece, up to a stop sequence or a number of tokens."""

    def __init__(self, stops: Sequence[str] = (), max_tokens: int | None = None) -> None:
        self.reason: CutReason | None = None
        """Why nothing more comes through; None while it does."""
        self._stops = tuple(stop for stop in stops if stop)
        self._left = max_tokens
        self._held = ""
        self._hold = max((len(stop) - 1 for stop in self._stops), default=0)

    def feed(self, text: str) -> str:
        """What may be sent of what was held and of `text`: the beginning of a stop sequence is kept back."""
        if self.reason is not None:
            return ""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            return self._ended(self._held[: min(found)])
        if self._left is None and not self._hold:
            return self._taken(len(self._held))
        return self._taken(self._whole_tokens(len(self._held) - self._hold))

    def rest(self) -> str:
        """What was held when the answer has come to its end."""
        return "" if self.reason is not None else self._taken(len(self._held))

    def _ended(self, text: str) -> str:
        self._held = text
        sent = self._taken(len(text))
        self.reason = self.reason or "stop"
        self._held = ""
        return sent

    def _whole_tokens(self, end: int) -> int:
        """Where the last word begins that may go on in the next piece: tokens are counted once they are whole."""
        end = max(0, end)
        if self._left is None:
            return end
        while end > 0 and self._held[end - 1].isalnum() and len(self._held) - end < 64:
            end -= 1
        return end

    def _taken(self, end: int) -> str:
        text, rest = self._held[:end], self._held[end:]
        if self._left is not None:
            at = 0
            for token in _TOKEN.finditer(text):
                if self._left == 0:
                    self.reason, text, rest = "length", text[:at], ""
                    break
                self._left -= 1
                at = token.end()
        self._held = rest
        return text
