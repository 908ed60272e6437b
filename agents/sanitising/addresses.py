"""What may stay of an address in Markdown that others wrote, and how the rest is shown as text."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

BREAK = "\u200b"
"""A zero-width space: stands, unseen, where what is written would become an address or an image."""

ADDRESS = r"(?<![A-Za-z])(?:https?://|ftp://|www\.)"
"""Where renderers see a bare address begin."""

_LONGEST_SHOWN = 200
# Read as strictly as possible, because browsers and parsers disagree on everything else (user:pass@, \, entities).
_SAFE_URL = re.compile(
    r"https?://([a-z0-9.-]+)(?::\d{1,5})?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)?", re.IGNORECASE
)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]{2}|www\.|&", re.IGNORECASE)
BARE = re.compile(r"[!#-;=?-Z_a-z~]*")
_STRIPPED = ".,;:!?'\"*_~]"
TRAILING = _STRIPPED + ")"


def hosts_of(urls: Collection[str]) -> frozenset[str]:
    """The hosts that these addresses name, lower case; what is no web address names none."""
    found = set()
    for url in urls:
        match = _SAFE_URL.match(url)
        if match:
            found.add((urlsplit(match.group()).hostname or "").lower())
    return frozenset(found - {""})


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Whether an address leads to one of `hosts` however it is read."""
    match = _SAFE_URL.fullmatch(url)
    return match is not None and match.group(1).lower() in hosts


def as_text(url: str) -> str:
    """An address as code, which no renderer makes a link of; nothing for one that leads nowhere by itself."""
    shown = "".join(url.split()).replace("`", "'").replace(BREAK, "")
    if not _ABSOLUTE.match(shown):
        return ""
    return f"`{shown[:_LONGEST_SHOWN]}{'…' if len(shown) > _LONGEST_SHOWN else ''}`"


def link(label: str, target: str, hosts: Collection[str]) -> str:
    """A link to `target`, or `label` and the address as text. `label` is Markdown that has been made safe already."""
    if is_allowed(target, hosts):
        safe = target.replace("(", "%28").replace(")", "%29")
        return f"[{label}]({safe})"
    shown = as_text(target)
    return f"{label} ({shown})" if label and shown and shown != f"`{label}`" else label or shown


def bare(url: str, follows: str, hosts: Collection[str]) -> str:
    """An address in running text, `follows` being the character behind it and its punctuation."""
    if not is_allowed(url, hosts):
        return as_text(url)
    # Renderers read on until white space; what follows a Chinese sentence's address is not part of it.
    return url if follows in ("", " ", "\t", "\n") else f"<{url}>"


def url_end(text: str, start: int) -> int:
    """Where a bare address that begins at `start` ends, trailing punctuation not counted."""
    match = BARE.match(text, start)
    end = match.end() if match else start
    opened = "(" in text[start:end]
    while end > start and (text[end - 1] in _STRIPPED or (text[end - 1] == ")" and not opened)):
        end -= 1
    return end
