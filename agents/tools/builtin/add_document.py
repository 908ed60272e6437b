"""A new document in a knowledge base."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.errors import ToolFailed
from agents.tools.builtin.bases import PROPERTY, only_one
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

SPEC = ToolSpec(
    name="add_document",
    title="Add a document",
    title_zh="添加文档",
    description="Add a new text or Markdown document to a knowledge base. It never replaces one that is there.",
    parameters={
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "Where it stands, such as runbooks/restart.md; ends in .md or .txt.",
            },
            "text": {"type": "string", "minLength": 1, "maxLength": 150_000},
            "knowledge_base": PROPERTY,
        },
        "required": ["path", "text"],
        "additionalProperties": False,
    },
    risk="write",
    timeout_s=60.0,
)


class AddDocument:
    """Adds to what the call may see."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._documents = parts.documents

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Says where it was added; it is found by searches once its job is done."""
        return await asyncio.to_thread(self._add, arguments, context)

    def _add(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        base = only_one(self._documents, context, str(arguments.get("knowledge_base", "")))
        path = _checked_path(arguments["path"])
        job_id = self._documents.add(context.scope, base.id, path, arguments["text"], call_id=context.call_id)
        text = f"{path} was added to {base.name!r}. It is found once the job {job_id} has built it."
        return ToolOutput(text=text, summary=text, data={"path": path, "knowledge_base": base.id, "job_id": job_id})


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return AddDocument(parts)


def _checked_path(path: str) -> str:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part != part.strip() for part in parts) or not path.isprintable() or "\\" in path:
        raise ToolFailed(
            f"The path {path[:100]!r} cannot be used: write names with / between them, such as notes/a.md."
        )
    if not path.lower().endswith((".md", ".txt")):
        raise ToolFailed(f"The path {path[:100]!r} cannot be used: it must end in .md or .txt.")
    return path
