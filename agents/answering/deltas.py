"""Handing an answer on as it is written: made safe, and in not too many pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agents.errors import AnswerTooLong
from agents.sanitising.stream import Sanitiser

INTERVAL_S = 0.04
"""Least time between two pieces: 25 a second read as smoothly as 100, and cost a quarter."""


LONGEST_ANSWER = 200_000
"""Characters that an answer may have; a model that writes more has lost its way."""

_PART = 2_000
"""Characters that are made safe in one go: a hundredth of a second at most."""


async def feed_in_turns(feed: Callable[[str], None], text: str) -> None:
    """Feed a text of any length; what else the event loop has to do gets its turn within a long one."""
    for at in range(0, len(text), _PART):
        feed(text[at : at + _PART])
        if len(text) >= _PART:
            await asyncio.sleep(0)


class DeltaWriter:
    """Passes text through a sanitiser to `write`, the first piece at once, later ones every `interval_s` at most.

    Belongs to one event loop. What is held back is written by a timer, so a pause of the model shows nothing late.
    """

    def __init__(self, sanitiser: Sanitiser, write: Callable[[str], None], *, interval_s: float = INTERVAL_S) -> None:
        self._sanitiser = sanitiser
        self._write = write
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._waiting: list[str] = []
        self._parts: list[str] = []
        self._fed = 0
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "".join(self._parts)

    def feed(self, text: str) -> None:
        """Take in what comes next. Raises AnswerTooLong, when what came before has been taken."""
        room = LONGEST_ANSWER - self._fed
        self._fed += len(text)
        self._take(text[:room])
        if len(text) > room:
            raise AnswerTooLong(
                f"The model wrote more than {LONGEST_ANSWER:,} characters without an end and was stopped; "
                "ask for less at once, or choose another model."
            )

    def _take(self, text: str) -> None:
        safe = self._sanitiser.feed(text)
        if not (self._parts or self._waiting):
            safe = safe.lstrip()
        if not safe:
            return
        self._waiting.append(safe)
        if self._timer is None:
            now = self._loop.time()
            if now >= self._next_at:
                self._flush()
            else:
                self._timer = self._loop.call_at(self._next_at, self._flush)

    def finish(self) -> None:
        """Write what is left. Nothing may be fed afterwards."""
        self.stop()
        self._waiting.append(self._sanitiser.finish())
        self._flush()

    def stop(self) -> None:
        """Write nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        text = "".join(self._waiting)
        self._waiting.clear()
        if text:
            self._next_at = self._loop.time() + self._interval_s
            self._parts.append(text)
            self._write(text)
