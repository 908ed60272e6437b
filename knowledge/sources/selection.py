"""Which files of a folder or archive are read."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from knowledge.parsing import supported
from knowledge.parsing.formats import suffix_of

Treatment = Literal["read", "ignored", "hidden", "excluded"]

_IGNORED = (
    ".git .hg .svn .bzr node_modules bower_components __pycache__ .venv venv .tox .nox .mypy_cache .pytest_cache "
    ".ruff_cache .idea .vscode .gradle .terraform .next .nuxt .cache __MACOSX .ipynb_checkpoints site-packages"
)
IGNORED_FOLDERS = frozenset(_IGNORED.split())
_IGNORED_FILES = frozenset(("thumbs.db", "desktop.ini", ".ds_store"))
_BINARY_SUFFIXES = (
    ".7z .a .aac .ai .apk .avi .avif .bin .blend .bmp .br .bz2 .class .dat .db .deb .dll .dmg .dylib .egg .eot "
    ".eps .exe .flac .flv .gif .gz .heic .icns .ico .img .iso .jar .jks .jpeg .jpg .key .keystore .ko .lib .lock "
    ".lz4 .lzma .m4a .m4v .mkv .mo .mov .mp3 .mp4 .mpeg .mpg .msi .npy .npz .o .obj .ogg .onnx .otf .p12 .parquet "
    ".pcap .pem .pfx .pickle .pkl .png .psd .pt .pth .pyc .pyd .pyo .rar .rpm .safetensors .snap .so .sqlite "
    ".sqlite3 .svg .swf .swp .tar .tgz .tif .tiff .ttf .vsdx .war .wasm .wav .webm .webp .whl .wmv .woff .woff2 "
    ".xz .z .zip .zst"
)
_BINARY = frozenset(_BINARY_SUFFIXES.split())
LONGEST_PATTERN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The choice of files: globs over POSIX paths, where `*` stays within a folder and `**` does not.

    `docs/` means everything below docs. A pattern without a slash is matched against the file name. Without `include`
    every file that can be read is.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    """Whether files and folders whose names begin with a dot are read."""

    def of(self, path: str) -> Treatment:
        """What to do with a file: read it, pass over it in silence, or leave it out as hidden or excluded."""
        parts = PurePosixPath(path).parts
        if any(part in IGNORED_FOLDERS for part in parts[:-1]) or parts[-1].lower() in _IGNORED_FILES:
            return "ignored"
        if not self.hidden and any(part.startswith(".") for part in parts):
            return "hidden"
        if any(_matches(pattern, path) for pattern in self.exclude):
            return "excluded"
        if self.include:
            return "read" if any(_matches(pattern, path) for pattern in self.include) else "excluded"
        return "ignored" if suffix_of(path) in _BINARY and not supported(path) else "read"

    def enters(self, folder: str) -> bool:
        """Whether a folder is worth walking into."""
        name = PurePosixPath(folder).name
        if name in IGNORED_FOLDERS or (not self.hidden and name.startswith(".")):
            return False
        return not any(_matches(pattern, folder) for pattern in self.exclude)


def _matches(pattern: str, path: str) -> bool:
    if "/" not in pattern:
        return _segment(pattern[:LONGEST_PATTERN]).match(PurePosixPath(path).name) is not None
    wanted = _segments(pattern)
    # The positions in the pattern that the path so far can have reached: no backtracking, whatever the pattern.
    reached = _skipping({0}, wanted)
    for part in path.split("/"):
        stepped = set()
        for position in reached:
            if position == len(wanted):
                continue
            if wanted[position] == "**":
                stepped.add(position)
            elif _segment(wanted[position]).match(part):
                stepped.add(position + 1)
        reached = _skipping(stepped, wanted)
    return len(wanted) in reached


def _skipping(positions: set[int], wanted: tuple[str, ...]) -> set[int]:
    """`**` may stand for no folder at all."""
    for position in sorted(positions):
        while position < len(wanted) and wanted[position] == "**":
            position += 1
            positions.add(position)
    return positions


@lru_cache(maxsize=256)
def _segments(pattern: str) -> tuple[str, ...]:
    pattern = pattern[:LONGEST_PATTERN].removeprefix("./").lstrip("/")
    return tuple((pattern + "**" if pattern.endswith("/") else pattern).split("/"))


@lru_cache(maxsize=1024)
def _segment(pattern: str) -> re.Pattern[str]:
    # Brackets mean themselves: file names hold them more often than anyone means a class of characters.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
