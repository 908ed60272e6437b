"""Jails, one a session: namespaces of their own for everything, a read-only root, folders in memory, our filter.

bubblewrap makes the namespaces. The agent, first process in them, sets the sizes of its folders, then gives up every
capability and takes on the filter before it does anything else; that is ours because bubblewrap cannot count files.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import signal
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.boot import COMMAND
from sandbox.bubblewrap.cgroups import Cgroup, find_roots, group_name, left_behind, remove_group
from sandbox.bubblewrap.roots import root_arguments, root_languages
from sandbox.config import DEFAULT_LIMITS, SandboxLimits
from sandbox.errors import SandboxUnavailable
from sandbox.link import AgentLink
from sandbox.seccomp.filter_program import MACHINES, filter_program
from sandbox.types import Availability, Enforcement, SessionSpec

INSIDE_USER = 1000
FIRST_OUTSIDE_USER = 64_800
_NODEV, _NOSUID, _NOEXEC = 4, 2, 8
PROBE_SECONDS = 10.0
DATA_PACKAGES = ("numpy", "pandas", "matplotlib")
_FIND = "import importlib.util as u, sys; print(*(name for name in sys.argv[1:] if u.find_spec(name) is None))"
_SEEN_AT = Path("/mnt")
_MOUNT = 'mount --bind "$1" /mnt && shift && exec "$@"'

# Not bubblewrap's own `--dev`: for its terminals it puts another user namespace on top, whose capabilities do not reach
# the mounts below, and the agent could not set the sizes of its folders.
_DEVICES = (
    "--tmpfs", "/dev", "--dir", "/dev/shm",
    *(part for name in ("null", "zero", "full", "random", "urandom")
      for part in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")),
    "--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin",
    "--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class BubblewrapConfig:
    """`root`: the folder that holds the image; None: the machine's own /usr. `user`: whom a jail is to the kernel when
    we ourselves are root; otherwise it is our own user."""

    root: Path | None = None
    user: int = FIRST_OUTSIDE_USER
    limits: SandboxLimits = DEFAULT_LIMITS


class BubblewrapSandbox:
    """The port Sandbox on bubblewrap."""

    name = "bubblewrap"

    def __init__(self, config: BubblewrapConfig) -> None:
        self._config = config
        self._cgroups = find_roots() if platform.system() == "Linux" else None
        self._works: Availability | None = None

    async def probe(self) -> Availability:
        """See `Sandbox.probe`. What once worked is not tried again."""
        if self._works is None:
            found = await self._probe()
            if not found.available:
                return found
            self._works = found
        return self._works

    async def _probe(self) -> Availability:
        if platform.system() != "Linux" or platform.machine() not in MACHINES:
            return Availability(available=False, reason="Jails need Linux on x86_64 or arm64.")
        if shutil.which("bwrap") is None:
            return Availability(
                available=False, reason="bubblewrap is not installed; on Debian: apt-get install bubblewrap"
            )
        try:
            process = await self._start(["true"])
            async with asyncio.timeout(PROBE_SECONDS):
                _, said = await process.communicate()
        except (OSError, TimeoutError) as error:
            return Availability(available=False, reason=f"bubblewrap does not start: {error}")
        if process.returncode != 0:
            text = " ".join(said.decode(errors="replace").split())[:300]
            return Availability(
                available=False,
                reason=f"bubblewrap cannot make namespaces here ({text}); the kernel must allow unprivileged user "
                "namespaces.",
            )
        languages = root_languages(self._config.root)
        return Availability(
            available=True,
            languages=languages,
            enforcement=self._enforcement(),
            detail=str(self._config.root or "/usr of this machine"),
            missing=await self._missing() if "python" in languages else (),
        )

    async def _missing(self) -> tuple[str, ...]:
        """The packages for data that Python does not find in a jail; none where it does not say."""
        process = await self._start(["python3", "-c", _FIND, *DATA_PACKAGES])
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            return ()
        return tuple(name for name in DATA_PACKAGES if name in said.decode(errors="replace").split())

    def _enforcement(self) -> dict[str, Enforcement]:
        held = self._cgroups.controllers if self._cgroups is not None else frozenset()
        return {
            "memory": "kernel" if "memory" in held else "watched",
            "processes": "kernel",
            "cpus": "kernel" if "cpu" in held else "none",
            "files": "kernel",
        }

    async def open(self, spec: SessionSpec) -> AgentLink:
        """See `Sandbox.open`."""
        limits, jail = self._config.limits, _Jail()
        try:
            if self._cgroups is not None:
                name = group_name(spec.installation, spec.owner, spec.id)
                jail.group = await asyncio.to_thread(Cgroup, self._cgroups, name, limits)
            counters = [] if jail.group is None else jail.group.counters
            process, child = await self._start_jail(counters)
            jail.process, jail.child = process, child
            if jail.group is not None:
                await asyncio.to_thread(jail.group.add, child)
            assert process.stdout is not None
            assert process.stdin is not None
            link = AgentLink(process.stdout, process.stdin, limits, jail.end, spec.network)
            await link.start(self._extra())
            return link
        except (OSError, ValueError) as error:
            await jail.end()
            raise SandboxUnavailable(f"The jail did not open: {error}") from None
        except BaseException:
            await asyncio.shield(jail.end())
            raise

    def _extra(self) -> dict[str, Any]:
        limits = self._config.limits
        files = limits.work_files
        extra: dict[str, Any] = {
            "jail": {
                "folders": [
                    ["/work", limits.work_bytes, files, "0700"],
                    ["/tmp", limits.temporary_bytes, files, "1777"],
                    ["/dev/shm", 8 * 1024 * 1024, 500, "1777"],
                ],
                "flags": {"/work": 0, "/tmp": _NOEXEC, "/dev/shm": _NOEXEC},
                "seccomp": filter_program().hex(),
            }
        }
        if self._cgroups is None:
            extra["rlimit_processes"] = limits.processes
        return extra

    async def _start_jail(self, counters: Sequence[Path]) -> tuple[asyncio.subprocess.Process, int]:
        """The jail's process as we started it, and its first one inside as the host numbers it."""
        told, tell = os.pipe()
        try:
            process = await self._start(COMMAND, counters=counters, tell=tell)
        finally:
            os.close(tell)
        try:
            said = await asyncio.to_thread(_read_all, told)
        finally:
            os.close(told)
        return process, int(json.loads(said)["child-pid"])

    async def _start(
        self, command: Sequence[str], counters: Sequence[Path] = (), tell: int | None = None
    ) -> asyncio.subprocess.Process:
        root, other = self._config.root, self._as_other_user()
        arguments = [
            "bwrap", "--unshare-all", "--unshare-user", "--uid", str(INSIDE_USER), "--gid", str(INSIDE_USER),
            "--as-pid-1", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox",
            "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP",
            "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/work",
            *root_arguments(root, _SEEN_AT if other else None),
            "--tmpfs", "/work", "--tmpfs", "/tmp", "--tmpfs", "/run", "--proc", "/proc", *_DEVICES,
        ]  # fmt: skip
        for path in counters:
            arguments += ["--ro-bind", str(path), f"/run/limits/{path.name}"]
        arguments += ["--remount-ro", "/run", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work"]
        if tell is not None:
            arguments += ["--info-fd", str(tell)]
        return await asyncio.create_subprocess_exec(
            *other,
            *arguments,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if tell is None else asyncio.subprocess.DEVNULL,
            pass_fds=[] if tell is None else [tell],
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
        )

    def _as_other_user(self) -> list[str]:
        """Root must not be anybody in a jail: files of the kernel's that only check for it would open.

        By commands, because uvloop starts processes as no other user. That user may not be able to reach the folder of
        the root, which lies in our private one: it is mounted elsewhere, in a mount namespace that ends with the jail.
        """
        if os.geteuid() != 0:
            return []
        user = self._config.user
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        if self._config.root is None:
            return drop
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _MOUNT,
            "sh",
            str(self._config.root),
            *drop,
        ]

    async def reap(self, living: Collection[str], installation: str) -> int:
        """See `Sandbox.reap`. Processes end by themselves with whoever opened the jail; groups are left."""
        if self._cgroups is None:
            return 0
        return await asyncio.to_thread(self._reap, living, installation)

    def _reap(self, living: Collection[str], installation: str) -> int:
        assert self._cgroups is not None
        return sum(remove_group(each) for each in left_behind(self._cgroups, installation, living))

    async def aclose(self) -> None:
        """See `Sandbox.aclose`."""


class _Jail:
    """The outside of one jail."""

    def __init__(self) -> None:
        self.group: Cgroup | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.child: int | None = None
        self._ended: asyncio.Task[str] | None = None

    async def end(self) -> str:
        """Kill it whole; `memory` when the kernel did so for want of it."""
        if self._ended is None:
            self._ended = asyncio.create_task(self._end())
        return await asyncio.shield(self._ended)

    async def _end(self) -> str:
        why = "memory" if self.group is not None and self.group.oom_kills() else ""
        if self.process is not None:
            # As long as bubblewrap has not been waited for, the number cannot belong to anybody else.
            if self.process.returncode is None and self.child is not None:
                _kill(self.child)
                _kill(self.process.pid)
            await self.process.wait()
        if self.group is not None:
            await asyncio.to_thread(self.group.remove)
        return why


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _read_all(fd: int) -> bytes:
    data = b""
    while part := os.read(fd, 4096):
        data += part
    return data
