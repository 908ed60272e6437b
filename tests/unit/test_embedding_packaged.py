"""A model in a package is used only when its files are those that were published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from knowledge.embedding.packaged import checked, package_folder
from knowledge.errors import EmbedderUnavailable


def test_the_file_meant_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(b"weights")
    assert checked(path, hashlib.sha256(b"weights").hexdigest(), "a-package") == path


def test_another_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(b"other weights")
    with pytest.raises(EmbedderUnavailable, match=r"weights\.npz of a-package .* install a-package anew"):
        checked(path, hashlib.sha256(b"weights").hexdigest(), "a-package")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="none"):
        checked(tmp_path / "none", "", "a-package")


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(EmbedderUnavailable, match="a-package is not installed"):
        package_folder("a-package", "no_such_package_of_ours")
