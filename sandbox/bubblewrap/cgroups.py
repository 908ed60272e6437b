"""Control groups: the kernel counts and limits a jail as a whole, where a folder for it can be made."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.config import SandboxLimits

PREFIX = "devops-chatbot-sandbox"
_PERIOD_US = 20_000
_V1 = ("memory", "pids", "cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class CgroupRoots:
    """Where groups of jails are made: one folder for all of it (version 2), or one for each controller (version 1)."""

    folders: dict[str, Path]
    unified: bool

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self.folders)


def find_roots(mount: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> CgroupRoots | None:
    """The groups that this process may make others in; None where it may not."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return None
    if (mount / "cgroup.controllers").exists():
        return _unified_root(mount, next((path for number, _, path in lines if number == "0"), "/"))
    paths = {name: path for _, names, path in lines for name in names.split(",")}
    folders = {}
    for name in _V1:
        folder = mount / name / paths.get(name, "/").strip("/")
        folder = folder if folder.is_dir() else mount / name
        if os.access(folder, os.W_OK) and (folder / "cgroup.procs").exists():
            folders[name] = folder
    return CgroupRoots(folders=folders, unified=False) if "memory" in folders and "pids" in folders else None


def _unified_root(mount: Path, path: str) -> CgroupRoots | None:
    """The nearest group above ours that passes the controllers on and where folders can be made."""
    folder = mount / path.strip("/")
    for each in (folder, *folder.parents):
        if not each.is_relative_to(mount):
            break
        try:
            given = set((each / "cgroup.subtree_control").read_text().split())
        except OSError:
            continue
        if {"memory", "pids"} <= given and os.access(each, os.W_OK) and os.access(each / "cgroup.procs", os.W_OK):
            return CgroupRoots(
                folders={name: each for name in ("memory", "pids", "cpu") if name in given}, unified=True
            )
    return None


class Cgroup:
    """The group of one jail. Its name says whose it is, so that another process can remove what was left."""

    def __init__(self, roots: CgroupRoots, name: str, limits: SandboxLimits) -> None:
        self._folders = {controller: folder / name for controller, folder in roots.folders.items()}
        self._unified = roots.unified
        for folder in set(self._folders.values()):
            folder.mkdir()
            folder.chmod(0o755)  # whatever our umask: the jail's user looks up its counters here
        try:
            self._limit(limits)
        except OSError:
            self.remove()
            raise

    def _limit(self, limits: SandboxLimits) -> None:
        share = int(limits.cpus * _PERIOD_US)
        if self._unified:
            self._write("memory", "memory.max", limits.memory_bytes)
            self._try("memory", "memory.swap.max", 0)
            self._write("pids", "pids.max", limits.processes)
            self._try("cpu", "cpu.max", f"{share} {_PERIOD_US}")
        else:
            self._write("memory", "memory.limit_in_bytes", limits.memory_bytes)
            self._try("memory", "memory.memsw.limit_in_bytes", limits.memory_bytes)
            self._write("pids", "pids.max", limits.processes)
            self._try("cpu", "cpu.cfs_period_us", _PERIOD_US)
            self._try("cpu", "cpu.cfs_quota_us", share)

    def _write(self, controller: str, name: str, value: object) -> None:
        (self._folders[controller] / name).write_text(str(value))

    def _try(self, controller: str, name: str, value: object) -> None:
        with suppress(OSError, KeyError):  # a kernel without this one still holds the others
            self._write(controller, name, value)

    def add(self, pid: int) -> None:
        """Everything this process starts from now on counts here."""
        for folder in set(self._folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    @property
    def counters(self) -> list[Path]:
        """What the agent may read of its own group."""
        names = ("memory.events", "memory.current", "memory.oom_control", "memory.usage_in_bytes")
        return [path for name in names if (path := self._folders["memory"] / name).exists()]

    def oom_kills(self) -> int:
        """How often the kernel ended a process here because there was no memory left."""
        name = "memory.events" if self._unified else "memory.oom_control"
        try:
            lines = (self._folders["memory"] / name).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)

    def remove(self) -> None:
        """Kill what is still in it and remove it; blocks for moments until the kernel has let go."""
        for folder in set(self._folders.values()):
            remove_group(folder)


def remove_group(folder: Path, patience_s: float = 2.0) -> bool:
    """Whether the group is gone, its processes killed."""
    deadline = time.monotonic() + patience_s
    while folder.exists():
        try:
            for pid in (folder / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        except (OSError, ProcessLookupError):
            pass
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
    return True


def left_behind(roots: CgroupRoots, installation: str, living: Collection[str]) -> Iterator[Path]:
    """The groups of this installation whose owner is not among the living."""
    for folder in set(roots.folders.values()):
        for each in folder.glob(f"{PREFIX}.{installation}.*"):
            owner = each.name.split(".")[2]
            if owner not in living:
                yield each


def group_name(installation: str, owner: str, session: str) -> str:
    """The name under which a jail's group is found again."""
    return f"{PREFIX}.{installation}.{owner}.{session}"
