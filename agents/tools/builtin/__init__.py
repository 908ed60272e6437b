"""The tools that come with the product: one file each, and a line here."""

from __future__ import annotations

from collections.abc import Sequence

from agents.tools.builtin import (
    add_document,
    current_time,
    delete_document,
    list_documents,
    open_passage,
    search_knowledge_base,
)
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.ports import Tool
from knowledge.types import Scope

BUILT_IN = (
    search_knowledge_base.make,
    open_passage.make,
    list_documents.make,
    add_document.make,
    delete_document.make,
    current_time.make,
)
"""The registry: a new tool is a file with a `make`, and a line here."""


class BuiltinTools:
    """The tool source of what comes with the product."""

    name = "builtin"

    def __init__(self, parts: BuiltinParts) -> None:
        self._tools = tuple(make(parts) for make in BUILT_IN)

    def tools(self, scope: Scope) -> Sequence[Tool]:
        """The same for every scope; whose data they see depends on each call."""
        return self._tools
