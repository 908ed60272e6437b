"""Parsing and splitting where a hostile file can do no harm: in a child process with limits of time and memory.

The child is a plain interpreter that runs `knowledge.parsing.worker`, rather than multiprocessing: it imports nothing
of the program that started it, works inside daemonic processes, and its answers are JSON, so that a child taken over
by a file cannot make the parent run code (a pickle could).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import knowledge
from knowledge.config import ParsingLimits
from knowledge.errors import FileTooLarge, UnreadableFile
from knowledge.parsing.draft import one_line
from knowledge.types import ChunkDraft, Link, ParsedDocument, SplitDocument

_DOCUMENTS_PER_CHILD = 500
_ERRORS = {error.code: error for error in (UnreadableFile, FileTooLarge)}


class _Child:
    """One interpreter that parses file after file. Not for several threads at once."""

    def __init__(self) -> None:
        environment = dict(os.environ)
        # The package may be importable only because of where the parent was started.
        root = str(Path(knowledge.__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "knowledge.parsing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.served = 0

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The child's answer, or None when it died or was killed for taking longer than `seconds`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.served += 1
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            return None
        finally:
            timer.cancel()
        return answer if isinstance(answer, dict) else None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class IsolatedParser:
    """Parses and splits files of every format in warm child processes.

    Safe for several threads; at most `processes` children run. A child is started when first needed, and replaced
    when it dies, is killed for its time or memory, or has served 500 files. Close it, or use it in a `with`.
    """

    def __init__(self, processes: int = 1) -> None:
        self._slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self._processes = processes
        self._closed = False
        for _ in range(processes):
            self._slots.put(None)

    def read(self, path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None) -> SplitDocument:
        """The document in the file at `path`, and its chunks. Raises UnreadableFile or FileTooLarge, as `parse` does,
        also for a file that takes longer or more memory than the limits allow."""
        if self._closed:
            raise RuntimeError("This parser has been closed.")
        request = {"path": str(path.resolve()), "name": name, "media_type": media_type, "limits": asdict(limits)}
        child = self._slots.get()
        healthy = False
        try:
            child = child or _Child()
            answer = child.ask(request, limits.max_seconds)
            healthy = answer is not None and not answer.get("retire") and child.served < _DOCUMENTS_PER_CHILD
        finally:
            if not healthy and child is not None:
                child.close()
            self._slots.put(child if healthy else None)
        if answer is None:
            reason = f"its parser crashed or took longer than {limits.max_seconds:g} s"
            raise UnreadableFile(f"{one_line(name, 200)} could not be read: {reason}.")
        return _result(answer)

    def close(self) -> None:
        """End the children; waits for files being parsed."""
        self._closed = True
        for _ in range(self._processes):
            child = self._slots.get()
            if child is not None:
                child.close()
        for _ in range(self._processes):
            self._slots.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _result(answer: dict[str, Any]) -> SplitDocument:
    if "error" in answer:
        raise _ERRORS.get(str(answer.get("code")), UnreadableFile)(str(answer["error"]))
    fields: dict[str, Any] = answer["document"]
    document = ParsedDocument(
        **{
            **fields,
            "links": tuple(Link(**link) for link in fields["links"]),
            "pages": tuple((int(offset), str(label)) for offset, label in fields["pages"]),
            "warnings": tuple(fields["warnings"]),
        }
    )
    return SplitDocument(document=document, chunks=tuple(_chunk(document.text, each) for each in answer["chunks"]))


def _chunk(text: str, fields: dict[str, Any]) -> ChunkDraft:
    piece = text[fields["start"] : fields["end"]]
    return ChunkDraft(**{**fields, "text": piece, "heading_path": tuple(fields["heading_path"])})
