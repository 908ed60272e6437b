"""Takes secrets out of whatever comes back: platforms echo headers, errors quote addresses."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 4
"""Shorter values are no secrets, and masking them would eat texts."""


class Masker:
    """Replaces secrets in texts, also percent-encoded, in JSON strings and in base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        ordered = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def mask(self, text: str) -> str:
        """The text without them."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    # Inside longer base64 (user:password) a secret starts at any of three offsets; its middle is the same each time.
    for offset in range(3):
        encoded = base64.b64encode(b"\x00" * offset + raw).decode()
        start = (offset * 8 + 5) // 6
        whole = (offset + len(raw)) * 8 // 6
        if whole - start >= 6:
            yield encoded[start:whole]
            yield encoded[start:whole].replace("+", "-").replace("/", "_")
