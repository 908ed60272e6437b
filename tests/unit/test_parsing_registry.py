"""A format is one line of the registry and one reader; nothing else knows it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from knowledge.config import ParsingLimits
from knowledge.parsing import SUFFIXES
from knowledge.parsing.draft import Draft
from knowledge.parsing.formats import Format, Reader, by_media_type, by_name


def read_shout(path: Path, name: str) -> Draft:
    """The reader of a format that only this test has."""
    return Draft(text=f"{name}: {path.read_text().upper()}")


def test_a_reader_is_found_by_name_and_given_what_it_takes(tmp_path: Path) -> None:
    shout = Format(kind="shout", media_type="text/x-shout", reader=Reader(__name__, "read_shout", ("path", "name")))
    file = tmp_path / "a.shout"
    file.write_text("hello")
    limits = ParsingLimits()
    draft = shout.reader.read({"path": file, "text": "", "name": "a.shout", "kind": "shout", "limits": limits})
    assert draft.text == "a.shout: HELLO"
    assert shout.reader.takes_file


def test_every_format_has_a_reader_that_is_there() -> None:
    for suffix in SUFFIXES:
        found = by_name(f"file{suffix}")
        assert found is not None
        module = import_module(f"knowledge.parsing.{found.reader.module}")
        assert callable(getattr(module, found.reader.function))


def test_media_types_name_the_same_formats_as_endings() -> None:
    for media_type, name in (("application/xhtml+xml; charset=utf-8", "a.html"), ("text/yaml", "a.yml")):
        assert by_media_type(media_type) == by_name(name)
    assert by_media_type("text/plain") is by_media_type(None) is None
