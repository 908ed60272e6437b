"""What must stay true of the distribution: whose `agents` it is, which licences, one version of torch, two locks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("backend", "frontend", "agents", "knowledge", "sandbox")

FREE_TO_CHOOSE = {"docutils": "BSD"}
"""Packages under several licences of which one may be chosen, with the one chosen."""


def locked(name: str) -> dict[str, set[str]]:
    """The versions of each package in a lock; several where Pythons or systems differ."""
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / name).read_text(), re.M):
        versions.setdefault(package.lower(), set()).add(version)
    return versions


@pytest.mark.parametrize("floor", FLOORS)
def test_each_floor_is_ours(floor: str) -> None:
    spec = importlib.util.find_spec(floor)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_no_dependency_is_under_the_gpl() -> None:
    bad = []
    for package in locked("requirements.lock"):
        try:
            metadata = importlib.metadata.metadata(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python
        classifiers = [line for line in metadata.get_all("Classifier", []) if line.startswith("License")]
        licence = " ".join([metadata.get("License-Expression") or (metadata.get("License") or "")[:80], *classifiers])
        strong = re.search(r"\bA?GPL|(?<!Lesser )General Public License", licence)
        if strong and "LGPL" not in licence and package not in FREE_TO_CHOOSE:
            bad.append(f"{package}: {licence}")
    assert bad == []


def test_the_locks_agree() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: development.get(name) for name in runtime} == runtime


def test_torch_has_one_version_and_locks_of_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = next(each for each in project["dependencies"] if each.startswith("torch=="))
    makefile = re.search(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    assert makefile is not None
    assert makefile.group(1) == wanted
    assert wanted in (ROOT / "backend" / "Dockerfile").read_text()
    version = wanted.removeprefix("torch==")
    assert locked("requirements-torch.lock")["torch"] == {version}
    assert locked("requirements-torch-cpu.lock") == {"torch": {f"{version}+cpu"}}
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert not {name for name in locked(lock) if name == "torch" or name.startswith(("nvidia-", "triton"))}


def test_what_torch_shares_with_the_product_has_one_version() -> None:
    runtime, torch = locked("requirements.lock"), locked("requirements-torch.lock")
    assert {name: runtime[name] for name in torch if name in runtime} == {
        name: versions for name, versions in torch.items() if name in runtime
    }
    assert locked("requirements-uv.lock")["uv"] == locked("requirements-dev.lock")["uv"]


@pytest.mark.parametrize("name", ["Makefile", "backend/Dockerfile", "frontend/Dockerfile"])
def test_what_is_installed_by_name_comes_from_a_lock_with_hashes(name: str) -> None:
    commands = re.findall(r"pip install [^;&\n]*", (ROOT / name).read_text().replace("\\\n", " "))
    assert commands
    assert [command for command in commands if "==" in command] == []
    for lock in re.findall(r"-r (requirements\S+\.lock)", " ".join(commands)):
        text = (ROOT / lock).read_text()
        assert text.count("==") <= text.count("--hash=sha256:")


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=]", each)[0].lower() for each in project["dependencies"]} - {"torch"}
    assert names <= set(locked("requirements.lock"))
