"""What runs make: media types by name, and what is shown, read with limits."""

from __future__ import annotations

import json
import mimetypes
from typing import Any

from sandbox.types import Shown

MAX_KINDS = 12
_KNOWN = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}


def media_type_of(path: str) -> str:
    """What a file is by its name; nobody relies on it."""
    dot = path.rfind(".")
    known = _KNOWN.get(path[dot:].lower()) if dot >= 0 else None
    return known or mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"


def shown(payload: bytes) -> Shown | None:
    """What a run shows; None for what is not of the agreed shape (the code may have written it itself)."""
    try:
        value = json.loads(payload)
        data = {str(kind)[:100]: _checked(each) for kind, each in list(value["data"].items())[:MAX_KINDS]}
        return Shown(data=data, is_result=bool(value["is_result"]), path=str(value.get("path", ""))[:500])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checked(value: Any, depth: int = 0) -> Any:
    """Text as it is, without what no JSON of ours may carry; tables as lists of text."""
    if depth > 5:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, list):
        return [_checked(each, depth + 1) for each in value[:1000]]
    if isinstance(value, dict):
        return {str(key)[:200]: _checked(each, depth + 1) for key, each in list(value.items())[:100]}
    raise ValueError("not a kind of value that is shown")
