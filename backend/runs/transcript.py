"""What a run has said so far, and what it leaves behind when it ends."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from agents.events import Cited, Retrieved, RunEvent, RunFailed, RunFinished, RunStarted, RunWaiting, TextDelta
from backend.runs.types import WAITING, StoredOutcome

_STATUS = {
    "run_finished": "finished",
    "run_failed": "failed",
    "run_cancelled": "cancelled",
    "run_waiting": WAITING,
}


class Transcript:
    """Follows the events of one attempt; `outcome` is right after any of them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._mode: str | None = None
        self._model = ""
        self._cited: Cited | None = None
        self._retrieved: Retrieved | None = None
        self._last: RunEvent | None = None
        self.begun = False

    @property
    def text(self) -> str:
        """The answer as far as it is written."""
        return "".join(self._pieces)

    def note(self, event: RunEvent) -> None:
        """Take an event into account."""
        self._last = event
        if isinstance(event, TextDelta):
            self._pieces.append(event.text)
        elif isinstance(event, Cited):
            self._cited = event
        elif isinstance(event, Retrieved):
            before = self._retrieved.passages if self._retrieved is not None else ()
            self._retrieved = replace(event, passages=(*before, *event.passages))
        elif isinstance(event, RunStarted):
            self._mode, self._model = event.mode, event.model
            self.begun = True

    @property
    def unchecked(self) -> Retrieved | None:
        """What the answer so far may cite, when it was broken off before its citations were checked."""
        return self._retrieved if self._cited is None and self._pieces else None

    def outcome(self) -> StoredOutcome:
        """What the event that ended the attempt, the last one noted, makes of the run and its message."""
        last = self._last
        finished = last if isinstance(last, RunFinished) else None
        cited = self._cited or Cited(citations=())
        failed = last if isinstance(last, RunFailed) else None
        return StoredOutcome(
            status=_STATUS.get(last.kind, "failed") if last is not None else "failed",
            text=finished.text if finished else self.text,
            mode=finished.mode if finished else self._mode,
            model=self._model,
            verdict=finished.verdict if finished else None,
            error=failed.message if failed else "",
            error_code=failed.code if failed else "",
            citations=[asdict(citation) for citation in cited.citations],
            uncited=[list(bounds) for bounds in cited.uncited],
            nearest=_plain(finished.nearest) if finished else [],
            waiting_for=last.asked if isinstance(last, RunWaiting) else None,
        )


def _plain(values: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [asdict(value) for value in values]
