"""Pages of documents: kept within their bound, and what cannot be drawn is not tried for everybody who asks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.knowledge_bases.pages import DocumentPages
from knowledge.config import ParsingLimits
from knowledge.errors import FileTooSlow
from knowledge.types import Document, DrawnPage

FILE = Path("a.pdf")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
DOCUMENT = Document(
    id="d", knowledge_base_id="k", source_id="s", path="a.pdf", title="A", url="", media_type="application/pdf",
    markup="markdown", language="en", size=1, content_hash="h", status="indexed", error="", error_code="",
    warnings=(), metadata={}, chunk_count=1, created_at=NOW, updated_at=NOW,
)  # fmt: skip


class FakeDrawer:
    """Draws pages of 100 bytes, but for page 13."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def draw_page(self, path: Path, *, number: int, **more: Any) -> DrawnPage:
        self.asked.append(number)
        if number == 13:
            raise FileTooSlow("It took too long.")
        return DrawnPage(number=number, count=20, width=1, height=1, picture=b"x" * 100)


def test_pictures_are_kept_within_their_bound_and_refusals_remembered() -> None:
    drawer = FakeDrawer()
    pages = DocumentPages(drawer, ParsingLimits(), most_kept_bytes=250)
    for number in (1, 2, 1, 3, 1, 2):
        assert len(pages.picture(DOCUMENT, FILE, number).picture) == 100
    assert drawer.asked == [1, 2, 3, 2]
    for _ in range(3):
        with pytest.raises(FileTooSlow):
            pages.find(DOCUMENT, FILE, 13, "quote")
    assert drawer.asked == [1, 2, 3, 2, 13]
