"""A document less."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.tools.builtin.ports import BuiltinParts
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

SPEC = ToolSpec(
    name="delete_document",
    title="Delete a document",
    title_zh="删除文档",
    description="Delete a document, by its id, from its knowledge base. It cannot be brought back.",
    parameters={
        "type": "object",
        "properties": {"document_id": {"type": "string", "minLength": 1, "maxLength": 64}},
        "required": ["document_id"],
        "additionalProperties": False,
    },
    risk="destructive",
    timeout_s=60.0,
)


class DeleteDocument:
    """Deletes from what the call may see."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._documents = parts.documents

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Says what was deleted."""
        document_id = arguments["document_id"]
        path = await asyncio.to_thread(
            self._documents.delete, context.scope, context.knowledge_bases, document_id, call_id=context.call_id
        )
        return ToolOutput(text=f"{path} was deleted.", summary=f"{path} was deleted.")


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return DeleteDocument(parts)
