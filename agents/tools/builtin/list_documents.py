"""What documents there are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.tools.builtin.bases import PROPERTY, meant
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

SPEC = ToolSpec(
    name="list_documents",
    title="List documents",
    title_zh="列出文档",
    description="List the documents of the knowledge bases by path, or those whose path or title holds given words.",
    parameters={
        "type": "object",
        "properties": {
            "query": {"type": "string", "maxLength": 500, "description": "A part of the path or title."},
            "knowledge_base": PROPERTY,
            "limit": {"type": "integer", "minimum": 1, "maximum": 200, "description": "50 if left out."},
        },
        "additionalProperties": False,
    },
    risk="read",
)


class ListDocuments:
    """Lists what the call may see."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._documents = parts.documents

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """The documents, as a table."""
        return await asyncio.to_thread(self._list, arguments, context)

    def _list(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        bases = meant(self._documents, context, str(arguments.get("knowledge_base", "")))
        query, limit = str(arguments.get("query", "")), int(arguments.get("limit", 50))
        found = self._documents.list(context.scope, [base.id for base in bases], query=query, limit=limit)
        rows = [
            [line.path, line.title, line.knowledge_base, line.status, line.updated_at.isoformat(), line.id]
            for line in found.documents
        ]
        more = "There are more; narrow the query." if found.has_more else ""
        lines = [f"{row[0]} | {row[1]} | {row[2]} | {row[3]} | document_id={row[5]}" for row in rows]
        return ToolOutput(
            text="\n".join([*lines, more] if more else lines) or "There are no such documents.",
            summary=f"{len(rows)} documents{', and more' if more else ''}.",
            view="table",
            data={"columns": ["path", "title", "knowledge base", "status", "updated", "id"], "rows": rows},
        )


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return ListDocuments(parts)
