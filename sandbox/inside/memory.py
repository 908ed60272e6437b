"""What a session takes of memory, and whether the kernel ended something for want of it."""

from __future__ import annotations

import os

from sandbox.inside.places import WORK

_COUNTERS = (
    "/run/limits/memory.events",
    "/run/limits/memory.oom_control",
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
)
_IN_USE = (
    "/run/limits/memory.current",
    "/run/limits/memory.usage_in_bytes",
    "/sys/fs/cgroup/memory.current",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
)


def find_counter() -> str | None:
    """The file in which the kernel counts what it ended; None where it counts nothing."""
    return next((path for path in _COUNTERS if os.path.exists(path)), None)


def oom_kills(counter: str | None) -> int:
    """How often the kernel ended something for want of memory."""
    if counter is None:
        return 0
    try:
        with open(counter) as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError, IndexError):
        return 0


def memory_in_use() -> int:
    """Bytes that processes and files of the session take, where no counter of the kernel says so."""
    page, total = os.sysconf("SC_PAGESIZE"), 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/statm") as text:
                    fields = text.read().split()
                total += (int(fields[1]) - int(fields[2])) * page
            except (OSError, ValueError, IndexError):
                pass
    for folder in (WORK, "/tmp", "/dev/shm"):
        room = os.statvfs(folder)
        total += (room.f_blocks - room.f_bfree) * room.f_frsize
    return total


def memory_of_session() -> int:
    """Bytes, from the kernel's counter or counted together."""
    for path in _IN_USE:
        try:
            with open(path) as text:
                return int(text.read())
        except (OSError, ValueError):
            continue
    return memory_in_use()
