"""Long outputs of tools, kept as artifacts for whoever the call was made for."""

from __future__ import annotations

import asyncio

from agents.tools.ports import ToolContext
from backend.artifacts.store import ArtifactStore
from knowledge.storage.blobs import BlobStore
from knowledge.storage.database import Database


class ArtifactOutputs:
    """The OutputKeeper of the scheduler. What a run's calls put out goes with the run."""

    def __init__(self, database: Database, files: BlobStore) -> None:
        self._database = database
        self._files = files

    async def keep(self, text: str, *, name: str, context: ToolContext) -> str:
        """The id of an artifact that holds the text."""
        content = text.encode("utf-8", "replace")
        return await asyncio.to_thread(self._keep, content, name, "text/plain; charset=utf-8", context)

    async def keep_file(self, content: bytes, *, name: str, media_type: str, context: ToolContext) -> str:
        """The id of an artifact that holds the file."""
        return await asyncio.to_thread(self._keep, content, name, media_type, context)

    def _keep(self, content: bytes, name: str, media_type: str, context: ToolContext) -> str:
        with self._files.hold() as holding:
            blob = holding.put([content])
            with self._database.write() as connection:
                store = ArtifactStore(connection, context.scope)
                # A run that is not stored has an id, too, which no artifact can belong to.
                run_id = context.run_id if context.thread_id else None
                return store.add(blob, name=name, media_type=media_type, run_id=run_id or None).id
