"""Processes inside: how a run's become what they may be, how they are found, and how all of them end."""

import contextlib
import ctypes
import os
import resource
import signal

from agent_places import CHUNK, RUN_FOLDER, WORK

PR_SET_DUMPABLE = 4


def become(stdin, out, err, config, keep=None):
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


def environment():
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": WORK, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "USER": "sandbox",
        "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": "/tmp/matplotlib",
        "MPLBACKEND": "agg", "MATPLOTLIBRC": "/etc/matplotlibrc", "IPYTHONDIR": "/tmp/ipython",
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "GOCACHE": f"{WORK}/.cache/go", "GOTMPDIR": f"{WORK}/{RUN_FOLDER}", "GO111MODULE": "auto", "GOFLAGS": "-p=1",
        "XDG_CACHE_HOME": "/tmp/cache", "NO_COLOR": "1", "TERM": "dumb",
    }  # fmt: skip


def which(name):
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in ("/usr/local/bin", "/usr/bin", "/bin"))


def exit_of(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return 128 + number, name
    return os.WEXITSTATUS(status), ""


def send_signal(pid, number):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_everything():
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def processes():
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


def memory_in_use():
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


def memory_of_session(counter):
    for path in ("/run/limits/memory.current", "/run/limits/memory.usage_in_bytes", "/sys/fs/cgroup/memory.current",
                 "/sys/fs/cgroup/memory/memory.usage_in_bytes"):  # fmt: skip
        try:
            with open(path) as text:
                return int(text.read())
        except (OSError, ValueError):
            continue
    return memory_in_use()


def memory_file(content):
    """A descriptor that reads these bytes and then ends."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def drain(fd, take, most=4 * 1024 * 1024):
    """What is in the pipe at this moment, and not what whoever still holds it may write for ever."""
    while most > 0:
        try:
            data = os.read(fd, CHUNK)
        except OSError:
            return
        if not data:
            return
        most -= len(data)
        take(data)
