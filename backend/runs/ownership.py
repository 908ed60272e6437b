"""Names of the processes that hold runs, and which of them are certainly dead."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable

import psutil

from knowledge.ids import new_id

SLACK_SECONDS = 60.0
"""The time a process began is counted from the clock, which may be set while it lives."""


def owner_name() -> str:
    """A name no other process has or will have: machine, process, when it began, and a random part."""
    process = psutil.Process()
    return f"{_process_space()}|{process.pid}|{process.create_time():.3f}|{new_id()}"[-200:]


def dead_owners(names: Iterable[str]) -> list[str]:
    """Those of this machine whose process is gone; of other machines nothing is known but their leases."""
    return [name for name in names if _is_dead(name)]


def _is_dead(name: str) -> bool:
    parts = name.split("|")
    if len(parts) != 4 or parts[0] != _process_space():
        return False
    try:
        process = psutil.Process(int(parts[1]))
        other = abs(process.create_time() - float(parts[2])) > SLACK_SECONDS
        return bool(other or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False


def _process_space() -> str:
    """What process ids are unique in: the machine, and on Linux the container on it."""
    host = socket.gethostname()[:100]
    return f"{host} {os.readlink('/proc/self/ns/pid')}" if sys.platform == "linux" else host
