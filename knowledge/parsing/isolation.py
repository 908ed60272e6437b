"""Parsing, splitting and drawing where a hostile file can do no harm: in a child with limits of time and memory.

The child is a plain interpreter that runs `knowledge.parsing.worker`, rather than multiprocessing: it imports nothing
of the program that started it, works inside daemonic processes, and its answers are JSON, so that a child taken over
by a file cannot make the parent run code (a pickle could).
"""

from __future__ import annotations

import base64
import signal
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from knowledge.config import MEGABYTE, ParsingConfig, ParsingLimits
from knowledge.errors import FileTooLarge, FileTooSlow, KnowledgeError, NotFound, ParserCrashed, UnreadableFile
from knowledge.parsing.draft import one_line
from knowledge.parsing.pool import ParserPool, Reply
from knowledge.text.rows import row_runs
from knowledge.types import Box, ChunkDraft, DrawnPage, Link, ParsedDocument, SplitDocument, Symbol

_REFUSALS: tuple[type[KnowledgeError], ...] = (UnreadableFile, *UnreadableFile.__subclasses__(), NotFound)
_ERRORS = {error.code: error for error in _REFUSALS}
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
        return _result(self._ask(request, name, limits, lane))

    def draw_page(
        self,
        path: Path,
        *,
        name: str,
        number: int,
        limits: ParsingLimits,
        quote: str = "",
        picture: bool = True,
        lane: str = "",
    ) -> DrawnPage:
        """Page `number` of a PDF, counted from 1: its size, where `quote` stands on it and, if wished, its picture.
        Raises NotFound for a number that there is not, and UnreadableFile, FileTooLarge or FileTooSlow."""
        request: dict[str, Any] = {"path": str(path.resolve()), "name": name, "limits": asdict(limits)}
        request |= {"page": number, "quote": quote, "picture": picture}
        return _drawn(self._ask(request, name, limits, lane))

    def _ask(self, request: dict[str, Any], name: str, limits: ParsingLimits, lane: str) -> dict[str, Any]:
        """The child's answer. Raises the error that it tells of, or why there is none."""
        reply = self._pool.ask(request, lane=lane, seconds=limits.max_seconds)
        if reply.answer is None:
            raise self._failure(reply, one_line(name, 200), limits)
        if "error" in reply.answer:
            raise _ERRORS.get(str(reply.answer.get("code")), UnreadableFile)(str(reply.answer["error"]))
        return reply.answer

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
    fields: dict[str, Any] = answer["document"]
    document = ParsedDocument(
        **{
            **fields,
            "links": tuple(Link(**link) for link in fields["links"]),
            "pages": tuple((int(offset), str(label)) for offset, label in fields["pages"]),
            "rows": row_runs(fields["rows"]),
            "warnings": tuple(fields["warnings"]),
            "symbols": tuple(Symbol(**symbol) for symbol in fields["symbols"]),
        }
    )
    return SplitDocument(document=document, chunks=tuple(_chunk(document.text, each) for each in answer["chunks"]))


def _chunk(text: str, fields: dict[str, Any]) -> ChunkDraft:
    piece = text[fields["start"] : fields["end"]]
    made = {"text": piece, "heading_path": tuple(fields["heading_path"]), "rows": row_runs(fields["rows"])}
    return ChunkDraft(**{**fields, **made})


def _drawn(answer: dict[str, Any]) -> DrawnPage:
    fields: dict[str, Any] = answer["page"]
    boxes = tuple(Box(**{side: float(value) for side, value in box.items()}) for box in fields["boxes"])
    return DrawnPage(**{**fields, "boxes": boxes, "picture": base64.b64decode(fields["picture"])})
