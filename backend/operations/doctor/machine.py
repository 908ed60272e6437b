"""What the machine gives: Python, SQLite, room on the disk, a GPU."""

from __future__ import annotations

import platform
import shutil
import sqlite3

from backend.operations.doctor.findings import Finding
from backend.settings import Settings

OLDEST_SQLITE = (3, 35)
FEW_FREE_BYTES = 2 * 1024**3


def python() -> Finding:
    """Which Python runs the product, and on what."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding(name="Python", status="ok", detail=detail)


def sqlite() -> Finding:
    """Whether SQLite is new enough and searches words."""
    version = sqlite3.sqlite_version
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        advice = "Use a Python whose SQLite has FTS5, such as the one of python.org or of your distribution."
        return Finding(name="SQLite", status="failed", detail=f"{version} without FTS5", advice=advice)
    finally:
        connection.close()
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding(name="SQLite", status="failed", detail=version, advice="SQLite 3.35 or newer is needed.")
    return Finding(name="SQLite", status="ok", detail=f"{version} with FTS5")


def data_folder(settings: Settings) -> Finding:
    """Whether the data folder can be written to and has room."""
    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = "Set CHATBOT_DATA_DIR to a folder that can be written."
        return Finding(name="Data folder", status="failed", detail=f"{folder}: {error.strerror}", advice=advice)
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free / 1024**3:.1f} GB free"
    if free < FEW_FREE_BYTES:
        return Finding(name="Data folder", status="warning", detail=detail, advice="Make room, or move it.")
    return Finding(name="Data folder", status="ok", detail=detail)


def processor() -> Finding:
    """Whether there is a GPU, and PyTorch can use it."""
    if shutil.which("nvidia-smi") is None:
        return Finding(name="GPU", status="missing", detail="none found; embedding runs on the processor, which works")
    import torch

    if torch.cuda.is_available():
        return Finding(name="GPU", status="ok", detail=torch.cuda.get_device_name(0))
    advice = "Install a CUDA build of torch to use it: https://pytorch.org/get-started/locally/"
    return Finding(name="GPU", status="warning", detail="there, but torch was built without CUDA", advice=advice)
