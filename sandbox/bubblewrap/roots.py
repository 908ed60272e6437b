"""What a jail sees as its root: a folder made from an image, or the programs of this machine and nothing else of it."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.languages import LANGUAGES

_HOST_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "java-17-openjdk", "fonts", "matplotlibrc",
             "ssl/certs")  # fmt: skip
_SHOWN = frozenset({"usr", "etc", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32"})
_PROGRAMS = ("usr/local/bin", "usr/bin", "bin")


def root_arguments(root: Path | None, seen_at: Path | None = None) -> list[str]:
    """What bubblewrap is told; `seen_at` is where it sees the folder, if that is elsewhere."""
    if root is not None:
        return _of_folder(root, str(seen_at or root))
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _HOST_ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def _of_folder(root: Path, named: str) -> list[str]:
    arguments = []
    for path in sorted(root.iterdir()):
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), f"/{path.name}"]
        elif path.is_dir() and path.name in _SHOWN:
            arguments += ["--ro-bind", f"{named}/{path.name}", f"/{path.name}"]
    return arguments


def root_languages(root: Path | None) -> tuple[str, ...]:
    """The languages whose programs are there."""
    base = root or Path("/")
    found = []
    for name, language in LANGUAGES.items():
        if any((base / folder / language.program).exists() for folder in _PROGRAMS):
            found.append(name)
    return tuple(found)
