"""Processes inside: how a run's become what they may be, how they are found, and how all of them end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
from collections.abc import Collection, Sequence
from typing import Any

from sandbox.inside.places import RUN_FOLDER, WORK

PR_SET_DUMPABLE = 4
DYING_S = 0.1


def become(stdin: int, out: int, err: int, config: dict[str, Any], keep: int | None = None) -> None:
    """Turn the forked child into a process of the run: descriptors, limits, a session of its own, the first to die."""
    os.setsid()
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(stdin, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    if keep is None:
        os.closerange(3, 1024)
    else:
        os.closerange(3, keep)
        os.closerange(keep + 1, 1024)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    except OSError:
        pass
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (config["work"], config["work"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    if config.get("rlimit_processes"):
        resource.setrlimit(resource.RLIMIT_NPROC, (config["rlimit_processes"], config["rlimit_processes"]))
    os.umask(0o022)
    os.chdir(WORK)


def start(argv: Sequence[str], stdin: int, out: int, err: int, config: dict[str, Any]) -> int:
    """Fork a process of the run that becomes this program."""
    pid = os.fork()
    if pid == 0:
        become(stdin, out, err, config)
        try:
            os.execvpe(argv[0], list(argv), environment(config))
        except OSError as error:
            os.write(2, f"{argv[0]}: {os.strerror(error.errno or 0)}\n".encode())
        os._exit(127)
    return pid


def environment(config: dict[str, Any]) -> dict[str, str]:
    """The variables of whatever runs, and those that the host adds for this session."""
    return {
        "PATH": f"{WORK}/.packages/bin:/usr/local/bin:/usr/bin:/bin", "HOME": WORK, "USER": "sandbox",
        "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": "/tmp/matplotlib",
        "MPLBACKEND": "agg", "MATPLOTLIBRC": "/etc/matplotlibrc", "IPYTHONDIR": "/tmp/ipython",
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "GOCACHE": f"{WORK}/.cache/go", "GOTMPDIR": f"{WORK}/{RUN_FOLDER}", "GO111MODULE": "auto", "GOFLAGS": "-p=1",
        "XDG_CACHE_HOME": "/tmp/cache", "NO_COLOR": "1", "TERM": "dumb",
        **config.get("environment", {}),
    }  # fmt: skip


def which(name: str) -> bool:
    """Whether the image has this program."""
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in ("/usr/local/bin", "/usr/bin", "/bin"))


def exit_of(status: int) -> tuple[int, str]:
    """The exit code as a shell tells it, and the signal's name if one ended it."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return 128 + number, name
    return os.WEXITSTATUS(status), ""


def send_signal(pid: int, number: int) -> None:
    """To a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_everything() -> None:
    """All processes but this one, which as the first of its namespace is spared."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def kill_others(spared: Collection[int | None]) -> None:
    """Kill whatever runs but the spared ones: stopped first, so that nothing forks meanwhile."""
    seen: set[int] = set()
    for _ in range(20):
        found = {pid for pid in processes() if pid not in spared}
        if found <= seen:
            break
        for pid in found:
            send_signal(pid, signal.SIGSTOP)
        seen |= found
    for pid in seen:
        send_signal(pid, signal.SIGKILL)
    until = time.monotonic() + DYING_S
    while seen and time.monotonic() < until:
        seen = {pid for pid in processes() if pid in seen}
        if seen:
            time.sleep(0.001)


def processes() -> list[int]:
    """The ids of what runs, but the dead that nobody has buried yet."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as text:
                    if text.read(4096).rpartition(b")")[2].split()[0] not in (b"Z", b"X"):
                        found.append(int(name))
            except (OSError, IndexError):
                pass
    return found


def memory_file(content: bytes) -> int:
    """A descriptor that reads these bytes and then ends."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
