"""Parsing and splitting where a hostile file can do no harm: in a child process with limits of time and memory.

The child is a plain interpreter that runs `knowledge.parsing.worker`, rather than multiprocessing: it imports nothing
of the program that started it, works inside daemonic processes, and its answers are JSON, so that a child taken over
by a file cannot make the parent run code (a pickle could).
"""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from knowledge.config import MEGABYTE, ParsingConfig, ParsingLimits
from knowledge.errors import FileTooLarge, FileTooSlow, ParserCrashed, UnreadableFile
from knowledge.parsing.draft import one_line
from knowledge.parsing.pool import ParserPool, Reply
from knowledge.types import ChunkDraft, Link, ParsedDocument, SplitDocument, Symbol

_ERRORS = {error.code: error for error in (UnreadableFile, FileTooLarge)}
_KILLED = 9


class IsolatedParser:
    """Parses and splits files of every format in warm child processes.

    Safe for several threads. `lane` says for whom a file is read (a knowledge base): what is slow in one lane does not
    hold up another. Close it, or use it in a `with`.
    """

    def __init__(self, processes: int = 1, *, memory_bytes: int = ParsingConfig().memory_bytes) -> None:
        """`processes`: children at once in each lane. `memory_bytes`: what all of them may take together."""
        self._pool = ParserPool(processes, memory_bytes=memory_bytes)
        self._memory_bytes = memory_bytes

    def read(
        self, path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None, lane: str = ""
    ) -> SplitDocument:
        """The document in the file at `path`, and its chunks. Raises UnreadableFile and FileTooLarge as `parse` does,
        FileTooSlow and ParserCrashed."""
        request = {"path": str(path.resolve()), "name": name, "media_type": media_type, "limits": asdict(limits)}
        reply = self._pool.ask(request, lane=lane, seconds=limits.max_seconds)
        if reply.answer is None:
            raise self._failure(reply, one_line(name, 200), limits)
        return _result(reply.answer)

    def _failure(self, reply: Reply, name: str, limits: ParsingLimits) -> UnreadableFile:
        """Why a file has no answer; it names the file, since it may have cost others their memory."""
        match reply.ended:
            case "time":
                return FileTooSlow(f"{name} could not be read: it took longer than {limits.max_seconds:g} s.")
            case "memory":
                megabytes = self._memory_bytes // MEGABYTE
                return FileTooLarge(f"{name} could not be read: it took more than {megabytes:,} MB of memory.")
            case "crashed":
                return ParserCrashed(f"{name} could not be read: its parser {_ended(reply.code)}.")

    def close(self) -> None:
        """End the children; waits for files being parsed."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _ended(code: int) -> str:
    """How a child came to its end by itself."""
    if code >= 0:
        return f"crashed (exit code {code})"
    if code == -_KILLED:
        return "was killed (signal 9), most likely by the system, for want of memory"
    return f"crashed (signal {-code}: {signal.strsignal(-code) or 'unknown'})"


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
            "symbols": tuple(Symbol(**symbol) for symbol in fields["symbols"]),
        }
    )
    return SplitDocument(document=document, chunks=tuple(_chunk(document.text, each) for each in answer["chunks"]))


def _chunk(text: str, fields: dict[str, Any]) -> ChunkDraft:
    piece = text[fields["start"] : fields["end"]]
    return ChunkDraft(**{**fields, "text": piece, "heading_path": tuple(fields["heading_path"])})
