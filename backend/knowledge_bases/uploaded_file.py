"""Files that came in over HTTP or from the command line and lie in the store."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.storage.blobs import Blob


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    """A file that is in the store; what the ingestor calls a stored file."""

    path: str
    media_type: str
    blob: Blob
