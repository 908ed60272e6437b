"""Names of tools and arguments, made of what documents call them: safe, unique and the same at every import."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+")
LONGEST = 64


def snake(text: str) -> str:
    """Words in lower case with underscores between: listNamespacedPod is list_namespaced_pod."""
    return "_".join(word.lower() for word in _WORD.findall(text))


def tool_name(prefix: str, operation_id: str, method: str, path: str, taken: Collection[str]) -> str:
    """A name that no other tool of the document has; what had to be cut or was taken ends with a hash of the
    operation."""
    words = snake(operation_id) or snake(f"{method} {path}")
    full = f"{snake(prefix) or 'api'}_{words}".strip("_")
    if not full[0].isalpha():
        full = f"api_{full}"
    if len(full) <= LONGEST and full not in taken:
        return full
    return f"{full[: LONGEST - 9].rstrip('_')}_{hashlib.sha256(f'{method} {path}'.encode()).hexdigest()[:8]}"


def argument_name(name: str, place: str, taken: Collection[str]) -> str:
    """A name for an argument that no other argument of the tool has."""
    made = (snake(name) or "value")[:LONGEST]
    made = made if made[0].isalpha() else f"p_{made}"[:LONGEST]
    if made in taken:
        made = f"{made[:50]}_{place}"
    count = 2
    while made in taken:
        made, count = f"{made[:50]}_{count}", count + 1
    return made
