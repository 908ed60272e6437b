"""What the floor asks of the engines that confine code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Protocol

from sandbox.types import Availability, CodeEvent, FileEntry, RunRequest, SessionSpec, Usage


class Confined(Protocol):
    """One session: processes, files and limits that nothing outside shares. One call at a time runs code; files may be
    read and written meanwhile. Every method raises SessionLost once the session is gone."""

    def run(self, request: RunRequest) -> AsyncGenerator[CodeEvent, None]:
        """The events of a run, the last one Finished. Closing the generator ends the run and all its processes."""
        ...

    async def interrupt(self) -> None:
        """What Ctrl-C does to the run at work; one that pays no heed is killed moments later. Nothing runs: nothing."""
        ...

    async def put(self, path: str, content: bytes) -> None:
        """Writes a regular file of the session's folder. Raises UnsafePath, QuotaExceeded, LimitExceeded."""
        ...

    async def get(self, path: str) -> bytes:
        """A regular file's bytes. Raises UnsafePath, FileMissing, LimitExceeded."""
        ...

    async def manage(self, action: str, path: str = "") -> tuple[list[FileEntry], Usage]:
        """`list`: the files and what the session takes; `delete`: without the file or folder at this path."""
        ...

    async def close(self) -> None:
        """Ends every process and removes every trace. May be called twice."""
        ...


class Sandbox(Protocol):
    """An engine that confines code. Nothing happens before the first call; every call may take its time."""

    @property
    def name(self) -> str: ...

    async def probe(self) -> Availability:
        """Whether sessions can be opened here, and what would help."""
        ...

    async def open(self, spec: SessionSpec) -> Confined:
        """A new session, ready for its first run. Raises SandboxUnavailable."""
        ...

    async def reap(self, living: Collection[str], installation: str) -> int:
        """Removes what sessions of owners that are not among the living left behind; returns how many."""
        ...

    async def aclose(self) -> None: ...
