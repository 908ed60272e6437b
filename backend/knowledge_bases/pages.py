"""Pages of documents as pictures: drawn where a hostile file can do no harm, and kept for who turns back."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from anyio import CapacityLimiter

from knowledge.config import MEGABYTE, ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.types import Document, DrawnPage

DRAWN = "application/pdf"
MOST_SECONDS = 10.0
"""A page that takes longer is not waited for; its text can be read."""
MOST_KEPT_BYTES = 16 * MEGABYTE
_MOST_AT_ONCE = 4
_MOST_REFUSALS = 500
_REFUSED_S = 300.0
"""A page that could not be drawn is tried again after so long: the machine may have been busy."""


class PageDrawer(Protocol):
    """Draws pages where they can do no harm. Satisfied by knowledge.parsing.IsolatedParser."""

    def draw_page(
        self,
        path: Path,
        *,
        name: str,
        number: int,
        limits: ParsingLimits,
        quote: str = "",
        picture: bool = True,
        lane: str = "",
    ) -> DrawnPage:
        """Page `number`, counted from 1. Raises NotFound and UnreadableFile."""
        ...


class DocumentPages:
    """The pages of documents that have any to draw. Safe for several threads."""

    def __init__(self, drawer: PageDrawer, limits: ParsingLimits, *, most_kept_bytes: int = MOST_KEPT_BYTES) -> None:
        self._drawer = drawer
        self._limits = replace(limits, max_seconds=min(limits.max_seconds, MOST_SECONDS))
        self._most_kept_bytes = most_kept_bytes
        self._kept: OrderedDict[tuple[str, int], DrawnPage] = OrderedDict()
        self._refused: OrderedDict[tuple[str, int], tuple[float, type[UnreadableFile], str]] = OrderedDict()
        self._lock = threading.Lock()
        self.limiter = CapacityLimiter(_MOST_AT_ONCE)
        """For the threads that wait for pages."""

    def find(self, document: Document, file: Path, number: int, quote: str) -> DrawnPage:
        """The size of a page and where the quote stands on it. Raises NotFound, and UnreadableFile for what has no
        pages or cannot be drawn."""
        return self._draw(document, file, number, quote=quote, picture=False)

    def picture(self, document: Document, file: Path, number: int) -> DrawnPage:
        """A page with its picture. Raises as `find` does."""
        key = (document.content_hash, number)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        page = self._draw(document, file, number, quote="", picture=True)
        with self._lock:
            self._kept[key] = page
            while (
                len(self._kept) > 1 and sum(len(each.picture) for each in self._kept.values()) > self._most_kept_bytes
            ):
                self._kept.popitem(last=False)
        return page

    def _draw(self, document: Document, file: Path, number: int, *, quote: str, picture: bool) -> DrawnPage:
        if document.media_type != DRAWN:
            raise UnreadableFile(f"{document.path!r} has no pages that could be drawn; read its text.")
        key = (document.content_hash, number)
        known = self._refused.get(key)
        if known is not None and time.monotonic() < known[0]:
            raise known[1](known[2])
        try:
            return self._drawer.draw_page(
                file,
                name=document.path,
                number=number,
                limits=self._limits,
                quote=quote,
                picture=picture,
                lane=f"pages of {document.knowledge_base_id}",
            )
        except UnreadableFile as error:
            with self._lock:  # a page that nobody can draw is not tried for everybody who opens it
                self._refused[key] = (time.monotonic() + _REFUSED_S, type(error), str(error))
                while len(self._refused) > _MOST_REFUSALS:
                    self._refused.popitem(last=False)
            raise
