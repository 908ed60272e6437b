"""The child of IsolatedParser: reads a request a line from standard input, answers a line on standard output. A request
for a `page` is answered with that page of a PDF, any other with the document and its chunks."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

from knowledge.config import MEGABYTE, ParsingLimits
from knowledge.errors import FileTooLarge, NotFound, UnreadableFile
from knowledge.parsing.draft import one_line
from knowledge.parsing.reading import parse
from knowledge.splitting.splitter import split_document
from knowledge.types import ChunkDraft, SplitDocument

_BLOATED = 400 * MEGABYTE
_CHUNK_FIELDS = tuple(field.name for field in fields(ChunkDraft) if field.name != "text")


def main() -> None:
    """Serve until standard input ends."""
    _go_first_when_memory_is_short()
    requests = sys.stdin.buffer
    # Libraries that print must not spoil the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(requests, answers)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request with what it asks for, or the error; `retire` asks to be replaced."""
    for line in requests:
        request = json.loads(line)
        limits = ParsingLimits(**request["limits"])
        _limit(limits)
        answer = _answer(request, limits)
        answers.write(json.dumps(answer, ensure_ascii=False).encode(errors="replace") + b"\n")
        answers.flush()


def _answer(request: dict[str, Any], limits: ParsingLimits) -> dict[str, Any]:
    try:
        answer = _page(request) if "page" in request else _document(request, limits)
        return {**answer, "retire": _is_bloated()}
    except (UnreadableFile, NotFound) as error:
        return {"error": str(error), "code": error.code, "retire": _is_bloated()}
    except MemoryError:
        reason = f"{one_line(request['name'], 200)} needs more memory than a file may take."
        return {"error": reason, "code": FileTooLarge.code, "retire": True}


def _document(request: dict[str, Any], limits: ParsingLimits) -> dict[str, Any]:
    document = parse(Path(request["path"]), name=request["name"], limits=limits, media_type=request["media_type"])
    return _shown(split_document(document))


def _page(request: dict[str, Any]) -> dict[str, Any]:
    from knowledge.parsing.pdf_picture import draw_page  # most children never draw

    name = one_line(request["name"], 200)
    page = draw_page(
        Path(request["path"]), name, request["page"], quote=request["quote"], picture=request["picture"]
    )  # fmt: skip
    return {"page": {**asdict(page), "picture": base64.b64encode(page.picture).decode("ascii")}}


def _shown(split: SplitDocument) -> dict[str, Any]:
    """As JSON; a chunk's text, which the document's holds, is left out, and so are the document's rows, which are the
    chunks'."""
    chunks = [{name: getattr(chunk, name) for name in _CHUNK_FIELDS} for chunk in split.chunks]
    return {"document": asdict(replace(split.document, rows=())), "chunks": chunks}


def _is_bloated() -> bool:
    """Whether a large file has left so much memory behind that a fresh process is cheaper."""
    # The peak that getrusage knows is no help: it begins with the parent's.
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        return False
    return pages * os.sysconf("SC_PAGE_SIZE") > _BLOATED


def _go_first_when_memory_is_short() -> None:
    """A parser is easily replaced: where the system must end a process for want of memory, it is to be this one."""
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")


def _limit(limits: ParsingLimits) -> None:
    """Bound memory, and processor time too: if the parent dies, nobody else ends a parser that hangs."""
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime + limits.max_seconds) + 5
    for kind, soft in ((resource.RLIMIT_AS, limits.max_memory_bytes), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main()
