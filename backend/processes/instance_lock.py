"""Whether the product runs on a data folder, and where: the lock and addresses that `devops-chatbot up` keeps there.

The lock goes with its process, however that ends; the addresses are believed only while it is held.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from backend.errors import BackendError, NotReady

_PATIENCE_S = 1.0
"""Whoever only looks whether the lock is held, holds it for a moment."""


class AlreadyRunning(BackendError):
    code = "already_running"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where a running product is reached from this machine."""

    ui: str
    api: str


@contextlib.contextmanager
def claimed(data_dir: Path) -> Iterator[Callable[[Addresses], None]]:
    """Hold the folder for the product about to run; call what it gives with where that is reached. Raises
    AlreadyRunning when another one holds it, NotReady when the folder cannot be written to."""
    lock = FileLock(_lock_file(data_dir), timeout=_PATIENCE_S)
    try:
        lock.acquire()
    except Timeout:
        other = _read(data_dir)
        where = f" at {other.ui}" if other else ""
        ways = "Open or stop that one, or choose another folder with CHATBOT_DATA_DIR."
        raise AlreadyRunning(f"The product is running on {data_dir} already{where}. {ways}") from None
    except OSError as error:
        reason = f"The data folder {data_dir} cannot be written to ({error.strerror})"
        raise NotReady(f"{reason}; set CHATBOT_DATA_DIR to one that can.") from None
    try:
        _file(data_dir).unlink(missing_ok=True)  # left by one that was killed
        yield lambda addresses: _write(data_dir, addresses)
    finally:
        _file(data_dir).unlink(missing_ok=True)
        lock.release()


def running_at(data_dir: Path) -> Addresses | None:
    """Where the product that holds the folder is reached; None when none does."""
    if not _lock_file(data_dir).exists():
        return None
    lock = FileLock(_lock_file(data_dir), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return _read(data_dir)
    except OSError:  # a folder that cannot be written to is not being run on
        return None
    lock.release()
    return None


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "up.lock"


def _file(data_dir: Path) -> Path:
    return data_dir / "up.json"


def _write(data_dir: Path, addresses: Addresses) -> None:
    _file(data_dir).write_text(json.dumps(asdict(addresses)), encoding="utf-8")


def _read(data_dir: Path) -> Addresses | None:
    try:
        return Addresses(**json.loads(_file(data_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not written yet, or by another version
        return None
