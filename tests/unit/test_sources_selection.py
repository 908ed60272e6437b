"""Which files of a source are read."""

from __future__ import annotations

import pytest

from knowledge.sources import Selection


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("docs/a.md", "read"),
        ("docs/no-suffix", "read"),
        ("Dockerfile", "read"),
        ("a.pdf", "read"),
        (".git/config", "ignored"),
        ("web/node_modules/x/readme.md", "ignored"),
        ("pkg/__pycache__/a.py", "ignored"),
        ("img/logo.PNG", "ignored"),
        ("inner.zip", "ignored"),
        ("tls/server.key", "ignored"),
        ("__MACOSX/._a.md", "ignored"),
        (".env", "hidden"),
        (".github/workflows/ci.yaml", "hidden"),
    ],
)
def test_without_wishes(path: str, verdict: str) -> None:
    assert Selection().of(path) == verdict


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.md", "deep/down/a.md", "a.txt"),
        ("docs/*.md", "docs/a.md", "docs/b/a.md"),
        ("docs/**", "docs/b/a.md", "other/docs/a.md"),
        ("docs/", "docs/b/a.md", "docs2/a.md"),
        ("**/guide/*.md", "x/y/guide/a.md", "x/guide/z/a.md"),
        ("**/guide/*.md", "guide/a.md", "guides/a.md"),
        ("a?.md", "ab.md", "abc.md"),
        ("a[1].md", "a[1].md", "a1.md"),
        ("文档/*", "文档/说明.md", "说明.md"),
    ],
)
def test_globs(pattern: str, matching: str, other: str) -> None:
    assert Selection(include=(pattern,)).of(matching) == "read"
    assert Selection(include=(pattern,)).of(other) == "excluded"
    assert Selection(exclude=(pattern,)).of(matching) == "excluded"


def test_what_is_asked_for_by_name_is_read_but_never_the_insides_of_git() -> None:
    assert Selection(include=("*.svg",)).of("a.svg") == "read"
    assert Selection(hidden=True).of(".github/workflows/ci.yaml") == "read"
    assert Selection(hidden=True, include=("**",)).of(".git/config") == "ignored"


def test_a_pattern_made_to_backtrack_costs_little() -> None:
    pattern = "**/" * 60 + "*a" * 9 + "b"
    assert Selection(exclude=(pattern,)).of("/".join(["a" * 30] * 30) + ".md") == "read"
