"""A run at work, and what it has written so far."""

import time

from agent_places import CHUNK


class Stream:
    """What a run wrote to one of its streams: the head goes out at once, the tail is kept, the middle is counted."""

    def __init__(self, kept):
        self.head = self.most = kept // 2
        self.tail = bytearray()
        self.total = 0
        self.dropped = 0

    def feed(self, data):
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

    def rest(self):
        """What is left to be sent when the run is over."""
        over = len(self.tail) - self.most
        if over > 0:
            self.dropped += over
            del self.tail[:over]
        return bytes(self.tail)


class Run:
    """A run at work."""

    def __init__(self, head, code, stdin, kept):
        self.id = head["id"]
        self.nonce = head["nonce"]
        self.python = head["python"]
        self.phases = list(head.get("phases", ()))
        self.file = head.get("file", "")
        self.timeout = head["timeout"]
        self.code = code
        self.stdin = stdin
        self.streams = {"stdout": Stream(kept), "stderr": Stream(kept)}
        self.phase = "run"
        self.started = time.monotonic()
        self.deadline = None
        self.reason = None
        self.interrupted = None
        self.pid = None
        self.before = {}
        self.kills = 0
        self.shown = 0
        self.lost = False
        self.accepted = False
        self.tries = 0
