"""Answers without a language model: quotations from the passages found, or that nothing found answers."""

from __future__ import annotations

from knowledge.answering.answerer import Answerer

__all__ = ["Answerer"]
