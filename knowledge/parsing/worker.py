"""The child of IsolatedParser: reads a request a line from standard input, answers a line on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.reading import parse


def main() -> None:
    """Serve until standard input ends."""
    requests = sys.stdin.buffer
    # Libraries that print must not spoil the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(requests, answers)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request with the document or the error; `retire` says that this process ran out of memory once."""
    for line in requests:
        request = json.loads(line)
        limits = ParsingLimits(**request["limits"])
        _limit(limits)
        answer = _answer(request, limits)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(request: dict[str, Any], limits: ParsingLimits) -> dict[str, Any]:
    try:
        document = parse(Path(request["path"]), name=request["name"], limits=limits, media_type=request["media_type"])
        return {"document": asdict(document)}
    except UnreadableFile as error:
        return {"error": str(error), "code": error.code, "retire": isinstance(error.__cause__, MemoryError)}


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
