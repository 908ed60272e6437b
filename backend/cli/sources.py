"""What a word on the command line means as a source of documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from knowledge.errors import InvalidInput

GIT_SCHEMES = frozenset({"git", "ssh", "git+ssh", "git+https"})


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedSource:
    """A file to take a copy of, or a source to read from where it is, now and at every rebuild."""

    kind: Literal["file", "folder", "zip", "web"]
    location: str


def read_source(word: str) -> NamedSource:
    """The source that a path or URL names. Raises InvalidInput."""
    scheme = urlsplit(word).scheme.lower() if "://" in word else ""
    if scheme in GIT_SCHEMES or word.startswith("git@") or (scheme and urlsplit(word).path.endswith(".git")):
        raise InvalidInput(f"Git repositories cannot be read yet: clone {word} and give its folder.")
    if scheme in {"http", "https"}:
        return NamedSource(kind="web", location=word)
    if scheme and scheme != "file":
        raise InvalidInput(f"{word}: only http and https addresses can be read.")
    path = Path(urlsplit(word).path if scheme else word).expanduser()
    if path.is_dir():
        return NamedSource(kind="folder", location=str(path.resolve()))
    if path.is_file():
        return NamedSource(kind="zip" if path.suffix.lower() == ".zip" else "file", location=str(path.resolve()))
    raise InvalidInput(f"There is no file or folder {word}.")
