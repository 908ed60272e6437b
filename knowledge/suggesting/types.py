"""The values of suggestions."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.types import Language


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A question that a document answers: its heading, said as a question where it can be."""

    question: str
    language: Language
    knowledge_base_id: str
    document_id: str
    heading_path: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CitedPlace:
    """A place that an answer led to; an empty `heading_path` is the document as a whole."""

    document_id: str
    heading_path: tuple[str, ...] = ()
