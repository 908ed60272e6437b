"""What may stay of a link, an image or a URL in Markdown that others wrote, and how the rest is shown as text."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

LONGEST_LABEL = 300
"""Characters between the brackets of a link beyond which it is none."""
LONGEST_URL = 2048

_DEEPEST = 4
"""Brackets inside brackets that are followed; deeper ones are text."""

BREAK = "\u200b"
"""A zero-width space: stands, unseen, inside code that would be an image if it were not code."""

# Read as strictly as possible, because browsers and parsers disagree on everything else (user:pass@, \, entities).
_SAFE_URL = re.compile(
    r"https?://([a-z0-9.-]+)(?::\d{1,5})?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)?", re.IGNORECASE
)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]{2}|www\.|&", re.IGNORECASE)
_IMAGE_IN_CODE = re.compile(r"!(?=\[(?:[^\n]*\][(\[]|[^\]\n]*$))", re.MULTILINE)
_DEFINITION_IN_CODE = re.compile(
    r"^([ \t>]*\[[^\]\n]+\])(?=:[ \t]*(?:<|[a-z][a-z0-9+.-]*:|[/\\&]|$))", re.MULTILINE | re.IGNORECASE
)
_BARE = re.compile(r"[!#-;=?-\[\]-_a-{}~]*")
_TICKS = re.compile(r"`+")
_TICKS_OR_LINE = re.compile(r"`+|\n")
_BLANK = re.compile(r"[ \t>]*\n")
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
    return f"`{shown[:200]}{'…' if len(shown) > 200 else ''}`"


def link(label: str, target: str, hosts: Collection[str]) -> str:
    """A link to `target`, or `label` and the address as text. `label` is Markdown that has been made safe already."""
    if is_allowed(target, hosts):
        safe = target.replace("(", "%28").replace(")", "%29")
        return f"[{label}]({safe})"
    shown = as_text(target)
    return f"{label} ({shown})" if label and shown and shown != f"`{label}`" else label or shown


def bare(url: str, follows: str, hosts: Collection[str]) -> str:
    """An address in running text, `follows` being the character behind it."""
    if not is_allowed(url, hosts):
        return as_text(url)
    # Renderers read on until white space; what follows a Chinese sentence's address is not part of it.
    return url if follows.isspace() or not follows or follows in TRAILING else f"<{url}>"


def guard_code(code: str) -> str:
    """Code that cannot load an image even where a renderer should not take it for code."""
    if "[" not in code:
        return code
    return _DEFINITION_IN_CODE.sub(rf"\1{BREAK}", _IMAGE_IN_CODE.sub(f"!{BREAK}", code))


def url_end(text: str, start: int) -> int:
    """Where a bare address that begins at `start` ends, trailing punctuation not counted."""
    match = _BARE.match(text, start)
    end = match.end() if match else start
    while end > start and (text[end - 1] in _STRIPPED or (text[end - 1] == ")" and "(" not in text[start:end])):
        end -= 1
    return end


def closing_bracket(text: str, start: int, *, final: bool) -> int | None:
    """The position of the `]` that closes the `[` at `start`; None when it is not there yet; -1 when it cannot come."""
    depth, at = 0, start
    while at < len(text):
        if at - start > LONGEST_LABEL or depth > _DEEPEST:
            return -1
        match text[at]:
            case "\\":
                at += 1
            case "`":
                run = backticks(text, at)
                stop = code_end(text, at + run, run, final=final)
                if stop is None:
                    return None
                at = (stop if stop > 0 else at + run) - 1
            case "\n" if _BLANK.match(text, at + 1):
                return -1
            case "[":
                depth += 1
            case "]":
                depth -= 1
                if depth == 0:
                    return at
        at += 1
    return -1 if final or len(text) - start > LONGEST_LABEL else None


def backticks(text: str, start: int) -> int:
    """How many backticks there are from `start` on."""
    match = _TICKS.match(text, start)
    return match.end() - start if match else 0


def code_end(text: str, start: int, run: int, *, final: bool) -> int | None:
    """The position behind the code span whose `run` opening backticks end at `start`; -1 when the line ends before its
    closing ones, None when neither is there yet."""
    for match in _TICKS_OR_LINE.finditer(text, start, start + LONGEST_URL):
        if match.group() == "\n":
            return -1
        if match.end() == len(text) and not final:
            return None
        if match.end() - match.start() == run:
            return match.end()
    return -1 if final or len(text) - start > LONGEST_URL else None


def target_end(text: str, start: int, *, final: bool) -> int | None:
    """The position of the `)` that closes the `(` at `start`; None when it is not there yet; -1 when it cannot come."""
    depth, at, quote = 0, start, ""
    while at < len(text):
        sign = text[at]
        if at - start > LONGEST_URL or (sign == "\n" and _BLANK.match(text, at + 1)):
            return -1
        if sign == "\\":
            at += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and text[at - 1].isspace():
            quote = sign
        elif sign == "(":
            depth += 1
            if depth > _DEEPEST:
                return -1
        elif sign == ")":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return -1 if final or len(text) - start > LONGEST_URL else None


def target_of(inside: str) -> str:
    """The address in the parentheses of a link, its title left out."""
    inside = inside.strip()
    if inside.startswith("<"):
        return inside[1:].partition(">")[0]
    return inside.split(maxsplit=1)[0] if inside else ""
