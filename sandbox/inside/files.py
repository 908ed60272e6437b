"""Files inside: read, written and listed beneath the session's folder, whatever stands in it. No link is followed, and
what is opened is judged by its descriptor, so that nothing can be exchanged between a look and the use."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from sandbox.inside.places import MAX_DEPTH, MAX_ENTRIES, UNLISTED, WORK

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Problem(Exception):
    """Something the host is told with a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: OSError) -> str:
    """What the host is told of an error of the system."""
    codes = {
        errno.ENOENT: "not_found",
        errno.ENOTDIR: "not_found",
        errno.ENOSPC: "quota_exceeded",
        errno.EDQUOT: "quota_exceeded",
        errno.EFBIG: "limit_exceeded",
    }
    return codes.get(error.errno or 0, "unsafe_path")


def parts_of(path: str) -> list[str]:
    """The names on the way. Raises Problem for a path that leads elsewhere."""
    parts = path.split("/")
    if not path or len(parts) > MAX_DEPTH or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise Problem("unsafe_path", "The path must be relative and stay inside the session's folder.")
    return parts


def folder_beneath(root: str, parts: Sequence[str], make: bool = False) -> int:
    """A descriptor of the folder these parts lead to, no link followed on the way."""
    fd = os.open(root, FOLDER)
    for part in parts:
        above = fd
        if make:
            try:
                os.mkdir(part, 0o755, dir_fd=fd)
            except FileExistsError:
                pass
            except OSError:
                os.close(fd)
                raise
        try:
            fd = _folder_in(fd, part)
        finally:
            os.close(above)
    return fd


def _folder_in(fd: int, name: str) -> int:
    try:
        below = os.open(name, FOLDER, dir_fd=fd)
    except OSError as error:
        if error.errno == errno.ENOTDIR and stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise Problem("unsafe_path", "The path leads through a link.") from None
        raise
    return not_followed(below, name, fd)


def not_followed(opened: int, name: str, folder: int) -> int:
    """What was opened under this name, unless it is not what stands there: some kernels follow links all the same."""
    try:
        if os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(opened)):
            return opened
        raise Problem("unsafe_path", "The path leads through a link.")
    except (OSError, Problem):
        os.close(opened)
        raise


def open_beneath(root: str, path: str) -> int:
    """A descriptor of the regular file at this path: opened once, judged by what was opened."""
    parts = parts_of(path)
    folder = folder_beneath(root, parts[:-1])
    try:
        fd = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
        not_followed(fd, parts[-1], folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Problem("unsafe_path", "Only regular files are handed out.")
    return fd


def write_beneath(root: str, path: str, content: bytes) -> None:
    """Write a regular file, whole or not at all; what stood there is replaced, a link is not followed."""
    parts = parts_of(path)
    folder = folder_beneath(root, parts[:-1], make=True)
    name = f".{os.urandom(8).hex()}.part"
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(fd, view) :]
            finally:
                os.close(fd)  # as long as it is open, what was written takes room even without a name
            os.rename(name, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def remove_beneath(root: str, path: str) -> bool:
    """Whether there was something to remove. A folder goes with all that is in it, a link without what it names."""
    parts = parts_of(path)
    try:
        folder = folder_beneath(root, parts[:-1])
    except FileNotFoundError:
        return False
    try:
        return remove_entry(parts[-1], folder)
    finally:
        os.close(folder)


def remove_entry(name: str, folder: int) -> bool:
    """Whether there was one."""
    try:
        os.unlink(name, dir_fd=folder)
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
    fd = os.open(name, FOLDER, dir_fd=folder)
    try:
        for each in os.listdir(fd):
            remove_entry(each, fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=folder)
    return True


def walk(fd: int, prefix: str, depth: int, budget: list[int]) -> Iterator[tuple[str, os.stat_result]]:
    """Path and stat of what is beneath, links not followed."""
    try:
        names = sorted(os.listdir(fd))
    except OSError:
        names = []
    for name in names:
        budget[0] -= 1
        if budget[0] < 0:
            return
        try:
            about = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except OSError:
            continue
        path = f"{prefix}{name}"
        if not stat.S_ISDIR(about.st_mode):
            yield path, about
        elif depth < MAX_DEPTH and path not in UNLISTED:
            try:
                below = os.open(name, FOLDER, dir_fd=fd)
            except OSError:
                continue
            try:
                yield from walk(below, f"{path}/", depth + 1, budget)
            finally:
                os.close(below)


def everything() -> Iterator[tuple[str, os.stat_result]]:
    """What is in the session's folder."""
    fd = os.open(WORK, FOLDER)
    try:
        yield from walk(fd, "", 1, [MAX_ENTRIES])
    finally:
        os.close(fd)


def trouble_with(path: str, about: os.stat_result) -> str:
    """Why this is not handed out, or nothing."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if stat.S_ISLNK(about.st_mode):
        return "it is a link"
    if not stat.S_ISREG(about.st_mode):
        return "it is no regular file"
    return ""


def listing() -> tuple[list[list[str | int | float]], int]:
    """Path, size and time of every file that is handed out, and how many there are."""
    found = [(path, about) for path, about in everything() if not trouble_with(path, about)]
    return [[path, about.st_size, about.st_mtime] for path, about in found], len(found)


def snapshot() -> dict[str, tuple[int, int, int]]:
    """How everything looks now, to tell later what has changed."""
    return {path: (about.st_mtime_ns, about.st_size, about.st_ino) for path, about in everything()}


def changes(before: dict[str, tuple[int, int, int]], most: int) -> tuple[list[list[str | int]], list[str]]:
    """What is new or different since: files to hand out, and the names of the rest with the reason."""
    artifacts: list[list[str | int]] = []
    skipped: list[str] = []
    for path, about in everything():
        if before.get(path) == (about.st_mtime_ns, about.st_size, about.st_ino):
            continue
        trouble = trouble_with(path, about)
        if trouble:
            if len(skipped) < 20:
                skipped.append(f"{path.encode('utf-8', 'replace').decode()[:200]}: {trouble}")
        elif len(artifacts) < most:
            artifacts.append([path, about.st_size])
        else:
            skipped.append(f"more than {most} files; the rest is in the list of files")
            break
    return artifacts, skipped
