"""Whole characters of a text that a stranger cut."""

from __future__ import annotations


class Characters:
    """Puts the pieces of one text together where a character was cut in two.

    An endpoint that cuts its text by UTF-16 sends halves of a character ("surrogates") in two pieces. A half that
    stays alone becomes U+FFFD: neither UTF-8 nor a database can hold it.
    """

    def __init__(self) -> None:
        self._half = ""

    def take(self, piece: str) -> str:
        """What of the text is whole now."""
        text = self._half + piece
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return whole_characters(text.removesuffix(self._half))

    def end(self) -> str:
        """What is left, after the last piece."""
        return whole_characters(self._half)


def whole_characters(text: str) -> str:
    """The text with halves that belong together joined, and each that is alone as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
