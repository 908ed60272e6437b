"""A run at work, and what it has written so far."""

from __future__ import annotations

import time
from typing import Any

from sandbox.inside.places import CHUNK


class Stream:
    """What a run wrote to one of its streams: the head goes out at once, the tail is kept, the middle is counted."""

    def __init__(self, kept: int) -> None:
        self.head = self.most = kept // 2
        self.tail = bytearray()
        self.total = 0
        self.dropped = 0

    def feed(self, data: bytes) -> bytes:
        """The part of it that goes out now."""
        self.total += len(data)
        now, rest = data[: self.head], data[self.head :]
        self.head -= len(now)
        if rest:
            self.tail += rest
            over = len(self.tail) - self.most
            if over > self.most or (over > 0 and len(rest) < CHUNK):
                self.dropped += over
                del self.tail[:over]
        return now

    def rest(self) -> bytes:
        """What is left to be sent when the run is over."""
        over = len(self.tail) - self.most
        if over > 0:
            self.dropped += over
            del self.tail[:over]
        return bytes(self.tail)


class Run:
    """A run at work: what was asked, and how it stands."""

    def __init__(self, head: dict[str, Any], content: bytes, kept: int) -> None:
        size = head["code_size"]
        self.id: int = head["id"]
        self.nonce: str = head["nonce"]
        self.python: bool = head["python"]
        self.phases: list[dict[str, Any]] = list(head.get("phases", ()))
        self.file: str = head.get("file", "")
        self.timeout: float = head["timeout"]
        self.code, self.stdin = content[:size], content[size:]
        self.streams = {"stdout": Stream(kept), "stderr": Stream(kept)}
        self.phase = "run"
        self.started = time.monotonic()
        self.deadline: float | None = None
        self.reason: str | None = None
        self.interrupted: float | None = None
        self.pid: int | None = None
        self.before: dict[str, tuple[int, int, int]] = {}
        self.kills = 0
        self.shown = 0
        self.lost = False
        self.accepted = False
        self.tries = 0

    @property
    def written(self) -> int:
        """Bytes of both streams together."""
        return sum(each.total for each in self.streams.values())
