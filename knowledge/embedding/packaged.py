"""Models that come in a package: found without importing it, and used only when they are the files meant."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from knowledge.embedding.lazy import unavailable_on
from knowledge.errors import EmbedderUnavailable


def package_folder(distribution: str, package: str) -> Path:
    """The folder of an installed package. Raises EmbedderUnavailable, which names the distribution to install."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EmbedderUnavailable(f"The package {distribution} is not installed.")
    return Path(found.submodule_search_locations[0])


def checked(path: Path, sha256: str, distribution: str) -> Path:
    """The file, once its SHA-256 is the one given. Raises EmbedderUnavailable."""
    with unavailable_on(path.name, OSError), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise EmbedderUnavailable(
            f"The file {path.name} of {distribution} is not the one that was published; install {distribution} anew."
        )
    return path
