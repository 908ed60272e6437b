"""A folder: what is read, and that nothing outside of it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knowledge.errors import InvalidInput, UnreadableFile
from knowledge.sources import Reading, ReadRequest
from knowledge.sources.folder import FolderReader
from knowledge.sources.options import SelectionOptions


def write(path: Path, content: bytes = b"text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read_folder(path: Path, options: SelectionOptions | None = None) -> Reading:
    """The items of a folder; they may be opened as long as the folder is there."""
    with FolderReader().open(ReadRequest(location=str(path), options=options or SelectionOptions())) as reading:
        return reading


def test_files_come_in_order_with_their_content_and_the_rest_is_counted(tmp_path: Path) -> None:
    for name in ("b/z.md", "b/a.md", "a.md", "c.txt"):
        write(tmp_path / name, name.encode())
    for name in ("logo.png", "b/shot.png", "lib.so", ".git/config", "node_modules/x/a.md", ".hidden/a.md", "b/.env"):
        write(tmp_path / name)
    reading = read_folder(tmp_path)
    items = list(reading)
    assert [item.path for item in items] == ["a.md", "b/a.md", "b/z.md", "c.txt"]
    for item in items:
        assert item.size == len(item.path)
        assert item.modified > 0
        with item.open() as path:
            assert path.read_text() == item.path
    assert reading.ignored == {".png": 2, ".so": 1}


def test_wishes_are_followed(tmp_path: Path) -> None:
    for name in ("docs/a.md", "docs/old/b.md", ".ci/c.yaml", "src/d.py"):
        write(tmp_path / name)
    options = SelectionOptions(include=("*.md", "*.yaml"), exclude=("docs/old",), hidden=True)
    assert [item.path for item in read_folder(tmp_path, options)] == [".ci/c.yaml", "docs/a.md"]


def test_links_that_leave_the_folder_are_reported_and_never_opened(tmp_path: Path) -> None:
    secret = write(tmp_path / "outside" / "secret.md")
    inside = write(tmp_path / "root" / "real.md").parent
    (inside / "alias.md").symlink_to(inside / "real.md")
    (inside / "escape.md").symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    (inside / "loop").symlink_to(inside)
    (inside / "broken.md").symlink_to(inside / "gone.md")
    (inside / "self.md").symlink_to(inside / "self.md")
    items = {item.path: item for item in read_folder(inside)}
    assert {path: item.status for path, item in items.items()} == {
        "alias.md": "ready", "real.md": "ready", "escape.md": "skipped", "folder": "skipped", "loop": "skipped",
        "broken.md": "failed", "self.md": "failed",
    }  # fmt: skip
    assert "leaves the folder" in items["escape.md"].reason
    with pytest.raises(UnreadableFile), items["escape.md"].open():
        pass


def test_a_file_that_became_a_link_after_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.md")
    victim = write(tmp_path / "root" / "a.md")
    (item,) = read_folder(victim.parent)
    victim.unlink()
    victim.symlink_to(secret)
    with pytest.raises(UnreadableFile), item.open():
        pass


def test_a_file_gone_since_it_was_listed_is_unreadable(tmp_path: Path) -> None:
    victim = write(tmp_path / "a.md")
    (item,) = read_folder(tmp_path)
    victim.unlink()
    with pytest.raises(UnreadableFile, match=r"a\.md cannot be opened"), item.open():
        pass


def test_pipes_are_not_waited_on_and_odd_names_can_be_stored(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")))
    items = list(read_folder(tmp_path))
    assert sorted(item.status for item in items) == ["ready", "skipped"]
    assert all(item.path.encode() for item in items)


def test_a_very_deep_folder_is_walked(tmp_path: Path) -> None:
    write(tmp_path.joinpath(*["d"] * 300) / "a.md")
    assert len(list(read_folder(tmp_path))) == 1


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        read_folder(write(tmp_path / "a.md"))
