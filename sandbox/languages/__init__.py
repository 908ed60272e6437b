"""The languages a session may run: how each is stored, compiled, started and installed. A new one is an entry here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

FOLDER = "/work/.run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """A language. It is there when the image has `program`, of one of its Debian `packages` or, without any, of every
    image. Without `run` it is Python's shell, which keeps state."""

    name: str
    program: str
    file: Callable[[str], str] = lambda code: "main"
    compile: Callable[[str], Sequence[str]] | None = None
    run: Callable[[str], Sequence[str]] | None = None
    aliases: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def _java_class(code: str) -> str:
    """The class a Java file is named after: its public one, or else the first that has a `main`."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.DOTALL)
    found = re.search(
        r"\bpublic\s+(?:final\s+|abstract\s+)*(?:class|record|enum|interface)\s+([A-Za-z_$][\w$]*)", plain
    )
    found = found or re.search(r"\b(?:class|record|enum)\s+([A-Za-z_$][\w$]*)", plain)
    return found.group(1) if found else "Main"


_JVM = ("-Xmx256m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_ALL = (
    Language(name="python", program="python3", aliases=("py", "python3", "ipython")),
    Language(
        name="shell",
        program="bash",
        file=lambda code: "main.sh",
        run=lambda code: ("bash", f"{FOLDER}/main.sh"),
        aliases=("bash", "sh", "console"),
    ),
    Language(
        name="javascript",
        program="node",
        file=lambda code: "main.js",
        run=lambda code: ("node", "--max-old-space-size=256", f"{FOLDER}/main.js"),
        aliases=("js", "node"),
        packages=("nodejs",),
    ),
    Language(
        name="java",
        program="javac",
        file=lambda code: f"{_java_class(code)}.java",
        compile=lambda code: (
            "javac",
            *(f"-J{each}" for each in _JVM),
            "-d",
            FOLDER,
            f"{FOLDER}/{_java_class(code)}.java",
        ),
        run=lambda code: ("java", *_JVM, "-cp", FOLDER, _java_class(code)),
        packages=("openjdk-17-jdk-headless",),
    ),
    Language(
        name="go",
        program="go",
        file=lambda code: "main.go",
        compile=lambda code: ("go", "build", "-o", f"{FOLDER}/main", f"{FOLDER}/main.go"),
        run=lambda code: (f"{FOLDER}/main",),
        aliases=("golang",),
        packages=("golang-go",),
    ),
    Language(
        name="cpp",
        program="g++",
        file=lambda code: "main.cpp",
        compile=lambda code: ("g++", "-std=c++17", "-O1", "-o", f"{FOLDER}/main", f"{FOLDER}/main.cpp"),
        run=lambda code: (f"{FOLDER}/main",),
        aliases=("c++", "cc", "cxx"),
        packages=("g++",),
    ),
)

LANGUAGES: Mapping[str, Language] = {language.name: language for language in _ALL}


def aliases_of(names: Collection[str]) -> dict[str, str]:
    """The other names of these languages, each with the language's own."""
    return {alias: each.name for each in _ALL if each.name in names for alias in each.aliases}


def find_language(name: str) -> Language | None:
    """The language of this name or alias, in whatever case."""
    wanted = name.strip().lower()
    return next((each for each in LANGUAGES.values() if wanted == each.name or wanted in each.aliases), None)
