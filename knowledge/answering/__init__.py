"""Answers without a language model: quotations from the passages found, or that nothing found answers.

Also judges, for answers a model wrote, whether a passage supports the sentence that cites it.
"""

from __future__ import annotations

from knowledge.answering.answerer import Answerer

__all__ = ["Answerer"]
