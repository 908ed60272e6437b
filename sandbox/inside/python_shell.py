"""The Python of the session: a forked process that keeps variables, and the channel over which it is asked."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from sandbox.inside.pipes import Pipes
from sandbox.inside.places import CHUNK, HEAD
from sandbox.inside.processes import become, environment
from sandbox.inside.runs import Run

MAX_SHOWN = 8 * 1024 * 1024
_CHANNEL = 100

Hear = Callable[[str, bytes], None]


class PythonShell:
    """Started anew whenever it has ended. `hear` gets the messages of whichever lives: a kind and its bytes."""

    def __init__(
        self, selector: selectors.BaseSelector, pipes: Pipes, config: dict[str, Any], source: bytes, hear: Hear
    ) -> None:
        self._selector = selector
        self._pipes = pipes
        self._config = config
        self._source = source
        self._hear = hear
        self._control: socket.socket | None = None
        self._box = bytearray()
        self.pid: int | None = None
        self.ready = False

    @property
    def is_open(self) -> bool:
        """Whether there is a channel to it."""
        return self._control is not None

    def start(self) -> None:
        """Fork it. It says when it is ready."""
        out_in, out = os.pipe2(os.O_CLOEXEC)
        err_in, err = os.pipe2(os.O_CLOEXEC)
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_it(there, out, err)
        there.close()
        for fd in (out, err):
            os.close(fd)
        here.setblocking(False)
        self.pid, self.ready, self._control = pid, False, here
        self._box.clear()
        self._selector.register(here, selectors.EVENT_READ, self._read)
        self._pipes.watch(out_in, "stdout", of_shell=True)
        self._pipes.watch(err_in, "stderr", of_shell=True)

    def _become_it(self, there: socket.socket, out: int, err: int) -> None:
        signal.set_wakeup_fd(-1)
        channel = os.dup2(there.fileno(), _CHANNEL, inheritable=False)
        become(os.open(os.devnull, os.O_RDONLY), out, err, self._config, keep=channel)
        os.environ.clear()
        os.environ.update(environment(self._config))
        for name in [each for each in sys.modules if each.partition(".")[0] == "sandbox"]:
            del sys.modules[name]  # a module of the session's may have this name
        try:
            exec(compile(self._source, "<worker>", "exec"), {"__name__": "__worker__", "CHANNEL": channel})
        finally:
            os._exit(70)

    def ask(self, run: Run) -> None:
        """Hand it the code of a run."""
        token = run.nonce.encode()
        body = HEAD.pack(len(run.code), len(run.stdin)) + bytes([len(token)]) + token + run.code + run.stdin
        assert self._control is not None
        self._control.settimeout(5)
        with contextlib.suppress(OSError):  # it is dying, and its end is noticed
            self._control.sendall(body)
        self._control.setblocking(False)

    def forget(self) -> None:
        """It has ended."""
        self.pid, self.ready = None, False
        if self._control is not None:
            self._selector.unregister(self._control)
            self._control.close()
            self._control = None
        self._pipes.close(of_shell=True)

    def _kill(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(CHUNK * 4)
        except (BlockingIOError, ConnectionError):
            return
        if not data:  # it closed the channel; without one it is of no use
            self._kill()
            return
        self._box += data
        box = self._box
        while len(box) >= 5:
            kind, size = chr(box[0]), int.from_bytes(box[1:5], "big")
            if size > MAX_SHOWN:
                self._kill()
                box.clear()
                return
            if len(box) < 5 + size:
                return
            payload = bytes(box[5 : 5 + size])
            del box[: 5 + size]
            if kind == "Y":
                self.ready = True
            self._hear(kind, payload)
            if not self.is_open:
                return
