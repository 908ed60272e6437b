"""Finding the document that a path or a part of one means."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from agents.commands.catalogue import LISTS
from agents.commands.grammar import CommandError
from agents.commands.rendering import Output

Make = Callable[[str, dict[str, Any]], Awaitable[Output]]

MOST = 20
_ID = re.compile(r"[0-9a-f]{32}")
_LINE = re.compile(r"^(?P<path>.+?) \| .* \| document_id=(?P<id>[\w-]+)$", re.MULTILINE)


async def find_document(make: Make, path: str) -> tuple[str | None, list[str]]:
    """The id of the document that this path, title or id means; None with the paths of those that it may mean. Raises
    CommandError."""
    if _ID.fullmatch(path):
        return path, []
    listed = await make(LISTS, {"query": path[:500], "limit": MOST})
    if listed.failed:
        raise CommandError(listed.text)
    found = [(line["path"], line["id"]) for line in _LINE.finditer(listed.text)]
    exact = [each for each in found if each[0] == path] or [each for each in found if each[0].endswith(f"/{path}")]
    chosen = exact if len(exact) == 1 else found if len(found) == 1 else []
    return (chosen[0][1], []) if chosen else (None, [each for each, _ in found])
