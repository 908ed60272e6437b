"""Where statements of callers and manifests of clusters are read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from agents.errors import ToolFailed
from agents.tools.platforms.helm import masked_manifest
from agents.tools.sql.proof import LONGEST, prove
from tests.growth.harness import TextPath

MANIFEST = {
    "secrets": "kind: Secret\ndata:\n  a: b\n---\n", "blocks": "password: |\n  a\n", "addresses": "a://b:c",
    "assignments": "password=", "dashes": "\n---",
}  # fmt: skip
STATEMENTS = {
    "brackets": "(", "quotes": "'", "comments": "/* ", "cases": "case when 1 then ", "nested": "(select ",
    "texts": "'a', ", "unions": "1 union select ", "casts": "a::",
}  # fmt: skip


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: unit * max(1, size // len(unit))


def selecting(unit: str) -> Callable[[int], str]:
    return lambda size: ("select " + unit * max(1, size // len(unit)) + "1")[:LONGEST]


def _proved(text: str) -> None:
    with contextlib.suppress(ToolFailed):
        prove(text, "postgres")


PATHS = [
    *(TextPath(f"manifests/{name}", repeated(unit), masked_manifest, 200_000) for name, unit in MANIFEST.items()),
    *(TextPath(f"SQL/{name}", selecting(unit), _proved, LONGEST - 100) for name, unit in STATEMENTS.items()),
]
