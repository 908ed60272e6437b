"""How many files know of what a registry lists: its own, and the registry. Whatever else is named here says why."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.models.providers import default_providers
from agents.phases.builtin import BUILT_IN as PHASES
from agents.scheduler.kinds import KINDS as AGENTS
from agents.tools import builtin
from agents.tools.yaml.loading import shipped
from backend.jobs.registry import KINDS as JOBS
from knowledge.config import ArchiveLimits, FetchConfig
from knowledge.parsing.formats import SUFFIXES, by_name
from knowledge.sources import Fetcher, source_readers
from sandbox.languages import LANGUAGES

ROOT = Path(__file__).parents[2]
FLOORS = ("agents", "backend", "frontend", "knowledge", "sandbox")

SHARED: Mapping[str, frozenset[str]] = {
    "knowledge.sources.zip_archive": frozenset({"knowledge.portable.importing"}),  # an export is a zip, too
    "agents.scheduler.checker": frozenset({"agents.scheduler.graph", "agents.scheduler.positions"}),  # it sends back
    "agents.scheduler.planner": frozenset({"agents.scheduler.executor"}),  # an executor carries a plan out
    "agents.scheduler.react": frozenset({"agents.scheduler.executor"}),  # each step of it is such a loop
    "backend.cli.processes": frozenset({f"backend.cli.{each}" for each in (
        "evaluation", "knowledge_bases", "phases", "questions", "tools",
    )}),  # the option --json
    "backend.cli.knowledge_bases": frozenset({"backend.cli.portable"}),  # export and import are commands of `kb`
}  # fmt: skip
"""Modules of a registry that others take something from, and who may."""

CONNECTED = {
    "searxng": {"backend/tool_sources/adapters.py"},  # whoever searches the web reads pages, too
    "kubernetes": {"frontend/tools/connections.py"},  # a kubeconfig can be pasted
    "mysql": {"agents/tools/tcp/place.py", *(f"agents/tools/sql/{each}.py" for each in (
        "functions", "proof", "template", "tool",
    )), "agents/tools/yaml/definition.py"},  # a dialect of SQL, and a scheme of addresses
    "redis": {"agents/tools/tcp/place.py", "agents/tools/redis/tool.py", "backend/connections/testing.py"},
}  # fmt: skip
"""Platforms that more than their toolset knows of, and where."""

WORDS = {"docker", "host", "http", "postgresql", "registry"}
"""Kinds of platforms whose names mean something else as well: a word, the sandbox's engine, a database of ours."""


@cache
def modules() -> Mapping[str, Path]:
    """The product's modules by name."""
    files = [file for floor in FLOORS for file in (ROOT / floor).rglob("*.py") if "migrations" not in file.parts]
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def importers() -> Mapping[str, set[str]]:
    """Who imports a module, or something from it."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for imported in _imported(node):
                found[imported].add(name)
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{each.name}" for each in node.names)


def mentioning(word: str) -> set[str]:
    """The files in which a word stands as a string of its own."""
    quoted = re.compile(rf"""["']{re.escape(word)}["']""")
    return {
        str(file.relative_to(ROOT)) for file in modules().values() if quoted.search(file.read_text(encoding="utf-8"))
    }


def module_of(value: Any) -> str:
    return str(getattr(value, "__module__", None) or type(value).__module__)


def readers() -> Sequence[Any]:
    return list(source_readers(Fetcher(FetchConfig()), ArchiveLimits()).values())


def named(folder: str, beside: Sequence[str]) -> list[str]:
    """The modules of a folder whose every file, but those beside them, is an item of a registry."""
    names = [_name(file) for file in (ROOT / folder).glob("*.py")]
    return sorted(name for name in names if name != folder.replace("/", ".") and name.rpartition(".")[2] not in beside)


COMMANDS = named("backend/cli", ["following", "opening", "sources"])
LISTED = [
    *((module_of(each), "knowledge.sources.registry") for each in readers()),
    *((module_of(each.run), "backend.jobs.registry") for each in JOBS),
    *((module_of(each), "agents.scheduler.kinds") for each in AGENTS.values()),
    *((module_of(each), "agents.tools.builtin") for each in builtin.BUILT_IN),
    *((module_of(each), "agents.models.providers") for each in default_providers(connect_timeout_s=1, timeout_s=1)),
    *((each, "backend.cli") for each in COMMANDS),
]


@pytest.mark.parametrize(("module", "registry"), sorted(set(LISTED)))
def test_what_is_listed_is_known_to_its_registry_alone(module: str, registry: str) -> None:
    assert importers()[module] - SHARED.get(module, frozenset()) == {registry}


@pytest.mark.parametrize("reader", sorted({found.reader.module for each in SUFFIXES if (found := by_name(f"a{each}"))}))
def test_a_document_format_is_known_to_its_registry_alone(reader: str) -> None:
    """It is named there and loaded when it is needed; formats that are made of others take from these."""
    others = {each for each in importers()[f"knowledge.parsing.{reader}"] if not each.startswith("knowledge.parsing.")}
    assert others == set()


def test_a_page_is_one_file_and_one_line() -> None:
    listed = re.findall(r'"app_pages/(\w+)\.py"', (ROOT / "frontend/app.py").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(file.stem for file in (ROOT / "frontend/app_pages").glob("*.py"))
    assert [importers()[f"frontend.app_pages.{each}"] for each in listed] == [set()] * len(listed)


@pytest.mark.parametrize("phase", sorted(set(PHASES) - {"chat", "answer", "group"}))
def test_a_phase_is_one_file_and_one_line(phase: str) -> None:
    """Those left out have names that mean something else as well."""
    assert mentioning(phase) == {"agents/phases/builtin/__init__.py"}


@pytest.mark.parametrize("platform", sorted({each.kind for each in shipped() if each.kind} - WORDS))
def test_a_platform_is_one_file(platform: str) -> None:
    assert mentioning(platform) <= CONNECTED.get(platform, set())


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"python", "shell"}))
def test_a_language_of_the_sandbox_is_one_line_and_what_its_image_installs(language: str) -> None:
    """Those left out have names that mean something else as well."""
    assert mentioning(language) <= {"sandbox/languages/__init__.py", "sandbox/images/recipe.py"}
