"""More of a document than a search shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.tools.builtin.ports import BuiltinParts
from agents.tools.evidence import evidence_text
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

MOST = 12_000

SPEC = ToolSpec(
    name="open_passage",
    title="Open a passage",
    title_zh="打开片段",
    description=(
        "Read a part of a document by its id, as search_knowledge_base and list_documents give it: from `start` on, "
        f"at most {MOST:,} characters."
    ),
    parameters={
        "type": "object",
        "properties": {
            "document_id": {"type": "string", "minLength": 1, "maxLength": 64},
            "start": {"type": "integer", "minimum": 0, "description": "Where to begin; 0 if left out."},
            "length": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "4,000 if left out."},
        },
        "required": ["document_id"],
        "additionalProperties": False,
    },
    risk="read",
)


class OpenPassage:
    """Opens what the call may see."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._documents = parts.documents

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """The text from there on, as evidence."""
        start = int(arguments.get("start", 0))
        end = start + int(arguments.get("length", 4_000))
        passage = await asyncio.to_thread(
            self._documents.passage, context.scope, context.knowledge_bases, arguments["document_id"], start, end
        )
        if not passage.text:
            return ToolOutput(text="The document has no text there.", summary="No text there.")
        return ToolOutput(
            text=evidence_text([passage]),
            summary=f"{passage.title or passage.path}, characters {passage.start} to {passage.end}.",
            evidence=(passage,),
        )


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return OpenPassage(parts)
