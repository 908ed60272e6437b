"""The pipes that runs write to: read as it comes, and not at all while the host does not keep up."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable

from sandbox.inside.places import CHUNK

MOST_AT_ONCE = 4 * 1024 * 1024

Take = Callable[[str, bool, bytes], None]


class Pipes:
    """`take` gets the stream's name, whether Python's shell wrote it, and the bytes."""

    def __init__(self, selector: selectors.BaseSelector, take: Take) -> None:
        self._selector = selector
        self._take = take
        self._open: dict[int, tuple[str, bool]] = {}
        self._paused = False

    def watch(self, fd: int, name: str, of_shell: bool) -> None:
        """Read this one from now on."""
        os.set_blocking(fd, False)
        self._open[fd] = (name, of_shell)
        if not self._paused:
            self._register(fd)

    def _register(self, fd: int) -> None:
        self._selector.register(fd, selectors.EVENT_READ, lambda: self._read(fd))

    def pause(self, wanted: bool) -> None:
        """Read no output while the host does not take it: whoever writes then waits, too."""
        if wanted == self._paused:
            return
        self._paused = wanted
        for fd in list(self._open):
            if wanted:
                self._selector.unregister(fd)
            else:
                self._register(fd)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
        else:
            self._take(*self._open[fd], data)

    def discard(self) -> None:
        """What came since the last run belongs to nobody."""
        for fd in list(self._open):
            _drain(fd, lambda data: None)

    def drain(self) -> None:
        """Take what is in the pipes at this moment."""
        for fd, (name, of_shell) in list(self._open.items()):
            _drain(fd, lambda data, name=name, of_shell=of_shell: self._take(name, of_shell, data))  # type: ignore[misc]

    def close(self, of_shell: bool) -> None:
        """Read those of the shell, or those of other processes, no more."""
        for fd, (_, whose) in list(self._open.items()):
            if whose == of_shell:
                self._close(fd)

    def _close(self, fd: int) -> None:
        if fd in self._open:
            if not self._paused:
                self._selector.unregister(fd)
            del self._open[fd]
            os.close(fd)


def _drain(fd: int, take: Callable[[bytes], None]) -> None:
    """What is in the pipe at this moment, and not what whoever still holds it may write for ever."""
    left = MOST_AT_ONCE
    while left > 0:
        try:
            data = os.read(fd, CHUNK)
        except OSError:
            return
        if not data:
            return
        left -= len(data)
        take(data)
