"""Keys and values of etcd, which its JSON gateway gives in base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

_LONGEST = 4_000


def read_keys(answer: Any) -> dict[str, Any]:
    """The keys of an answer to a range, their values as texts."""
    found = answer.get("kvs") if isinstance(answer, Mapping) else None
    kept = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    keys = [
        {
            "key": _text(each.get("key")),
            "value": _text(each.get("value")),
            "version": each.get("version"),
            "modified": each.get("mod_revision"),
            "lease": each.get("lease", ""),
        }
        for each in kept
    ]
    return {"keys": keys, "count": answer.get("count", "0") if isinstance(answer, Mapping) else "0"}


def _text(value: Any) -> str:
    try:
        content = base64.b64decode(str(value or ""), validate=True)
    except (binascii.Error, ValueError):
        return ""
    text = content[: _LONGEST + 1].decode("utf-8", "replace")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(content):,} bytes)"
