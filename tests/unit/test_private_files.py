"""The data folder is its owner's alone, also one that an earlier version left open."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.processes.private_files import make_private

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_left_open_is_closed(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "files" / "ab").mkdir(parents=True)
    (data / "files" / "ab" / "blob").write_text("x")
    (data / "chatbot.db").write_text("x")
    outside.write_text("x")
    (data / "link").symlink_to(outside)
    make_private(data)
    assert [mode(data), mode(data / "files"), mode(data / "files" / "ab")] == [0o700] * 3
    assert [mode(data / "chatbot.db"), mode(data / "files" / "ab" / "blob")] == [0o600] * 2
    assert mode(outside) == 0o644


def test_what_comes_later_is_private_from_the_first_moment(tmp_path: Path) -> None:
    make_private(tmp_path)
    (tmp_path / "later").write_text("x")
    (tmp_path / "folder").mkdir()
    assert (mode(tmp_path / "later"), mode(tmp_path / "folder")) == (0o600, 0o700)
