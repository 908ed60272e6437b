"""The one way in which a stored file leaves for the browser: never as something that runs in our origin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

from fastapi.responses import FileResponse, Response, StreamingResponse

from knowledge.storage.blobs import BLOCK_BYTES

_SHOWN_AS_THEY_ARE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Pictures that hold no script; a page may show them. Everything else is bytes to be saved."""


def download(file: Path, name: str, media_type: str = "") -> FileResponse:
    """The file as a download of this name, whatever it holds: a page among the files must not run as one of ours."""
    return FileResponse(file, media_type=_sent_as(media_type), headers=_headers(name))


def downloaded(content: bytes, name: str, media_type: str = "") -> Response:
    """The same of what is in memory."""
    return Response(content, media_type=_sent_as(media_type), headers=_headers(name))


def streamed(file: IO[bytes], name: str) -> StreamingResponse:
    """The same of an open file, read to its end and closed."""
    headers = {**_headers(name), "Content-Length": str(os.fstat(file.fileno()).st_size)}
    return StreamingResponse(_blocks(file), media_type=_sent_as(""), headers=headers)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name[:200], safe='', errors='replace')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }


def _sent_as(media_type: str) -> str:
    return media_type if media_type in _SHOWN_AS_THEY_ARE else "application/octet-stream"
