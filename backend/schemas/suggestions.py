"""Questions worth asking, as REST shows them."""

from __future__ import annotations

from typing import Literal

from backend.schemas.base import View


class SuggestionView(View):
    """A question made of a heading: what it is asked about stands in the document, below `heading_path`."""

    question: str
    language: Literal["en", "zh"]
    knowledge_base_id: str
    document_id: str
    heading_path: list[str]
