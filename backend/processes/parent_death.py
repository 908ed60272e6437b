"""Ties a child process to the life of its parent: `python -m backend.processes.parent_death PARENT_PID COMMAND…`.

When the parent goes, even by `kill -9`, the command is asked to stop. On Linux the kernel does it (the request survives
exec, so nothing of this module remains in the process); elsewhere a small process stays between them and watches.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
GONE = 3
STOP_WITHIN_S = 8.0


def wrapped(command: Sequence[str]) -> list[str]:
    """The command as this process must start it for it to end with this process."""
    return [sys.executable, "-m", "backend.processes.parent_death", str(os.getpid()), *command]


def _exec_tied(parent: int, command: Sequence[str]) -> int:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        return GONE
    os.execvp(command[0], list(command))


def _watch(parent: int, command: Sequence[str]) -> int:
    import psutil

    child = subprocess.Popen(list(command))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: child.terminate())
    while psutil.pid_exists(parent):
        try:
            return child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue
    child.terminate()
    try:
        child.wait(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
    return GONE


def main(arguments: Sequence[str]) -> int:
    parent, command = int(arguments[0]), arguments[1:]
    return _exec_tied(parent, command) if sys.platform == "linux" else _watch(parent, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
