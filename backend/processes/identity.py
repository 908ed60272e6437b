"""Who a process is: a name no other process has or will have, by which its own kernel can tell whether it lives."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from knowledge.ids import new_id

ProcessKind = Literal["api", "worker"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessIdentity:
    """One start of one process. `host` and `boot_id` name what `pid` and `start_ticks` are unique in."""

    kind: ProcessKind
    host: str
    boot_id: str
    pid: int
    start_ticks: int
    id: str = field(default_factory=new_id)


def this_process(kind: ProcessKind) -> ProcessIdentity:
    """A new identity for this process."""
    ticks = start_ticks(os.getpid())
    assert ticks is not None, "whoever asks is alive"
    return ProcessIdentity(kind=kind, host=_host(), boot_id=_boot_id(), pid=os.getpid(), start_ticks=ticks)


def start_ticks(pid: int) -> int | None:
    """When the process of this id began, by a clock that nobody can set; None when there is none that still runs."""
    if platform.system() == "Linux":
        try:
            # The command, in parentheses, may hold anything; what follows are fields divided by spaces.
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in {"Z", "X"} else int(fields[19])
    try:
        process = psutil.Process(pid)
        # Elsewhere the kernel notes the moment once, when the process begins.
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time() * 1000)
    except psutil.NoSuchProcess:
        return None


def _host() -> str:
    """The machine, and on Linux the container on it."""
    host = socket.gethostname()[:200]
    return f"{host} {os.readlink('/proc/self/ns/pid')}" if platform.system() == "Linux" else host


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip() if platform.system() == "Linux" else ""
