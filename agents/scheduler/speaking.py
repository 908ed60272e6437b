"""The answer of a run while it is written: by one agent or several, each piece made safe, its citations checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agents.answering.deltas import DeltaWriter
from agents.citations.checking import check_citations
from agents.citations.support import PassageBacking
from agents.events import Cited, TextDelta
from agents.sanitising.inline import keep_valid
from agents.sanitising.stream import Sanitiser
from agents.scheduler.evidence import EvidenceBook
from knowledge.ports import Embedder
from knowledge.types import Passage

_BETWEEN = "\n\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What one turn said: `answer[start:]` up to the next piece, with its citations where they are known already."""

    start: int
    text: str
    cited: Cited | None = None


class Answer:
    """What is said to the user. Pieces of different turns stand apart by an empty line."""

    def __init__(self, emit: Callable[[TextDelta], None], evidence: EvidenceBook) -> None:
        self._emit = emit
        self._evidence = evidence
        self._length = 0
        self._pieces: list[Piece] = []

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(
            f"{_BETWEEN if number else ''}{piece.text}" for number, piece in enumerate(self._pieces) if piece.text
        )

    def writer(self) -> PieceWriter:
        """Takes down what one turn says, as it comes."""
        sanitiser = Sanitiser(hosts=self._evidence.hosts, marker=keep_valid(self._evidence.highest))
        return PieceWriter(sanitiser, self._give, self._end)

    def safe_writer(self) -> SafeWriter:
        """Takes down what one turn says and of which nothing has to be made safe, as it comes."""
        return SafeWriter(self._give, self._end)

    def check(self, embedder: Embedder | None) -> Cited:
        """The citations of all that was said. Computes: to be called in a thread."""
        backing, passages = PassageBacking(embedder), self._evidence.passages
        cited = _joined([_checked(piece, passages, backing) for piece in self._pieces])
        return replace(cited, citations=self._evidence.with_calls(cited.citations))

    def _give(self, text: str, *, begun: bool) -> str:
        if not begun and self._pieces:
            self._emit(TextDelta(text=_BETWEEN))
            self._length += len(_BETWEEN)
        self._emit(TextDelta(text=text))
        self._length += len(text)
        return text

    def _end(self, text: str, cited: Cited | None = None) -> None:
        if text:
            self._pieces.append(Piece(start=self._length - len(text), text=text, cited=cited))


class PieceWriter:
    """What one turn says. `feed` what a model writes; `finish` when it is done; `stop` in any case."""

    def __init__(self, sanitiser: Sanitiser, give: Callable[..., str], end: Callable[[str], None]) -> None:
        self._give = give
        self._end = end
        self._begun = False
        self._deltas = DeltaWriter(sanitiser, self._write)

    def feed(self, text: str) -> None:
        """Raises AnswerTooLong."""
        self._deltas.feed(text)

    def finish(self) -> str:
        """Write what is left; the whole text as it was said."""
        self._deltas.finish()
        self.stop()
        return self._deltas.text

    def stop(self) -> None:
        """Write nothing more; what was said stays."""
        self._deltas.stop()
        if self._begun:
            self._end(self._deltas.text)
            self._begun = False

    def _write(self, text: str) -> None:
        self._give(text, begun=self._begun)
        self._begun = True


class SafeWriter:
    """What one turn says, handed on as it is."""

    def __init__(self, give: Callable[..., str], end: Callable[[str, Cited | None], None]) -> None:
        self._give = give
        self._end = end
        self._parts: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether anything was said."""
        return bool(self._parts)

    def feed(self, text: str) -> None:
        """The next of it."""
        if text:
            self._give(text, begun=bool(self._parts))
            self._parts.append(text)

    def finish(self, cited: Cited | None) -> None:
        """That was all, and this is what it cites, where that is known."""
        self._end("".join(self._parts), cited)


def _checked(piece: Piece, passages: Sequence[Passage], backing: PassageBacking) -> Cited:
    cited = piece.cited
    if cited is None:
        cited = check_citations(piece.text, passages, backing) if passages else Cited(citations=())
    moved = [
        replace(each, answer_start=each.answer_start + piece.start, answer_end=each.answer_end + piece.start)
        for each in cited.citations
    ]
    return Cited(
        citations=tuple(moved),
        uncited=tuple((start + piece.start, end + piece.start) for start, end in cited.uncited),
    )


def _joined(parts: Sequence[Cited]) -> Cited:
    return Cited(
        citations=tuple(each for part in parts for each in part.citations),
        uncited=tuple(each for part in parts for each in part.uncited),
    )
