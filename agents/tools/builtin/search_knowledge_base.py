"""Passages about a question, to be cited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.answering.found import retrieved
from agents.tools.builtin.bases import PROPERTY, meant
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.evidence import evidence_text
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

SPEC = ToolSpec(
    name="search_knowledge_base",
    title="Search the knowledge bases",
    title_zh="搜索知识库",
    description=(
        "Find passages of the team's documents that answer a question or are about given words. Returns numbered "
        "passages that can be cited as [n]; open_passage shows more of a document."
    ),
    parameters={
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 2000, "description": "A question or words."},
            "knowledge_base": PROPERTY,
            "top_k": {
                "type": "integer",
                "minimum": 1,
                "maximum": 20,
                "description": "6 if left out.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    risk="read",
)


class SearchKnowledgeBase:
    """Searches what the call may see."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._parts = parts

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """The passages found, best first."""
        return await asyncio.to_thread(self._search, arguments, context)

    def _search(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        bases = meant(self._parts.documents, context, str(arguments.get("knowledge_base", "")))
        top_k = int(arguments.get("top_k", 6))
        searcher = self._parts.searcher_for(context.scope)
        result = searcher.search(arguments["query"], knowledge_bases=[base.id for base in bases], top_k=top_k)
        passages = retrieved(arguments["query"], result).passages[:top_k]
        if not passages:
            return ToolOutput(text="Nothing was found. Try other words.", summary="Nothing was found.")
        pages = {passage.path for passage in passages}
        return ToolOutput(
            text=evidence_text(passages),
            summary=f"{len(passages)} passages from {len(pages)} documents.",
            evidence=passages,
        )


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return SearchKnowledgeBase(parts)
