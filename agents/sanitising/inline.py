"""A piece of a line of Markdown, read by a CommonMark parser and written anew so that every renderer reads it alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agents.sanitising.addresses import ADDRESS, BREAK, TRAILING, as_text, bare, is_allowed, link, url_end

Marker = Callable[[tuple[int, ...]], str]
"""What stands for a marker such as `[1]` or `[2, 3]`, given its numbers: possibly nothing."""

_NUMBERS = r"\^?\s*(\d{1,4}(?:\s*[,，、;；]\s*\^?\d{1,4}){0,50})\s*"
_MARKER = re.compile(rf"\[{_NUMBERS}\]")
_LINKED_MARKER = re.compile(rf"\[{_NUMBERS}\]\([^()\s]*\)")
_WIDE_MARKER = re.compile(r"【\s*(\d{1,4}(?:\s*[,，、;；]\s*\d{1,4}){0,50})(?:†[^】\n]{0,40})?\s*】")
_MARKER_OR_ADDRESS = re.compile(rf"\[{_NUMBERS}\]|{ADDRESS}", re.IGNORECASE)
# Signs with which a renderer could begin something in what was read as text.
_INERT = re.compile(r"`|!(?=\[)|(?<=\])[(:]|<(?=[A-Za-z/!?]|$)|&(?=#?\w{1,40};)")
_LINE_BREAK_TAG = re.compile(r"<br\s{0,9}/?>", re.IGNORECASE)
_IMAGE_IN_CODE = re.compile(r"!(?=\[)")
_DEFINITION_IN_CODE = re.compile(r"^([ \t>]{0,99}\[[^\]\n]{1,300}\])(?=:)", re.MULTILINE)
_TICKS = re.compile(r"`+")
# What, with the sign behind it, would make an address that renderers turn into a link although its parts are coded.
_BEFORE_CODED = {":": ("http", "https", "ftp"), "/": (":", "/"), ".": ("www",)}

TAIL = 8
"""Signs of what has been written that can still grow into an address."""

# Emphasis is no danger and stays as it is written; what is coded or escaped stays apart from what is text.
_PARSER = MarkdownIt("commonmark", {"html": True}).disable(["emphasis", "text_join"])


def keep_valid(highest: int, seen: Callable[[int], None] | None = None) -> Marker:
    """Markers of 1 to `highest` as `[n]` each, others left out; `seen` is told of every number."""

    def mark(numbers: tuple[int, ...]) -> str:
        for number in numbers:
            if seen is not None:
                seen(number)
        return "".join(f"[{number}]" for number in dict.fromkeys(numbers) if 1 <= number <= highest)

    return mark


def escaped(numbers: tuple[int, ...]) -> str:
    """For quoted text: what looks like a marker is shown, but is none."""
    return f"\\[{', '.join(map(str, numbers))}\\]"


def render(
    source: str,
    hosts: Collection[str],
    marker: Marker,
    *,
    before: str = "",
    follows: str = "",
    whole: bool = True,
    in_table: bool = False,
) -> str:
    """The safe form of `source`, which holds no line break; `before` is the end of what has been written before it,
    `follows` the character behind it. What is not `whole` was broken off: its brackets open nothing."""
    if numbers := _LINKED_MARKER.fullmatch(source) or _WIDE_MARKER.fullmatch(source):
        return marker(_read_numbers(numbers[1]))
    return _Writer(hosts, marker, whole=whole, in_table=in_table).write(source, before, follows)


def guard_code(code: str) -> str:
    """Code that cannot load an image even where a renderer should not take it for code."""
    if "[" not in code:
        return code
    return _DEFINITION_IN_CODE.sub(rf"\1{BREAK}", _IMAGE_IN_CODE.sub(f"!{BREAK}", code))


def joined(parts: Sequence[str]) -> str:
    """The parts behind one another, none of them changing what another means."""
    out: list[str] = []
    last = ""
    for part in parts:
        if part:
            out.append(f"{seam(last, part)}{part}")
            last = part[-1]
    return "".join(out)


def seam(last: str, part: str) -> str:
    """What has to stand between a text that ends in the sign `last` and `part`, so that both keep their meaning."""
    if (part.startswith("`") and last in ("`", "\\")) or (part.startswith("<") and last == "\\"):
        return " "
    opens = (last == "]" and part.startswith(("(", ":"))) or (last == "!" and part.startswith("["))
    return "\\" if opens else ""


def _read_numbers(digits: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", digits))


class _Writer:
    """Writes the tokens of one piece."""

    def __init__(self, hosts: Collection[str], marker: Marker, *, whole: bool, in_table: bool) -> None:
        self._hosts = hosts
        self._marker = marker
        self._whole = whole
        self._in_table = in_table

    def write(self, source: str, before: str, follows: str) -> str:
        inline = _PARSER.parseInline(source)[0]
        return joined(list(self._parts(_merged(inline.children or []), before, follows)))

    def _parts(self, tokens: Sequence[Token], before: str, follows: str) -> Iterator[str]:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = at + 1
            if token.type == "link_open":
                end = _behind_link(tokens, at)
                part = self._link(token, tokens[at + 1 : end - 1])
            else:
                part = self._part(token, before, follows if end == len(tokens) else "\\")
            yield part
            before = (before + part)[-TAIL:]
            at = end

    def _part(self, token: Token, before: str, follows: str) -> str:
        match token.type:
            case "text":
                return self._text(token.content, follows)
            case "text_special":
                return _special(token, before)
            case "code_inline":
                return self._code(token.content)
            case "image":
                return self._image(token)
            case "html_inline":
                return self._html(token.content)
            case _:
                return " "

    def _code(self, content: str) -> str:
        code = guard_code(_code(content))
        # In a table a bar ends the code, unless it is escaped; everywhere else the backslash would be seen.
        return re.sub(r"(?<!\\)\|", r"\\|", code) if self._in_table else code

    def _html(self, tag: str) -> str:
        if _LINE_BREAK_TAG.fullmatch(tag):
            return " "
        # Nothing in a tag was read as an escape; nothing may become one now.
        return self._text(tag.replace("\\", "\\\\"), "\\")

    def _text(self, text: str, follows: str) -> str:
        parts: list[str] = []
        at = 0
        while match := _MARKER_OR_ADDRESS.search(text, at):
            parts.append(self._inert(text[at : match.start()]))
            at = match.end()
            if match[1]:
                parts.append(self._marker(_read_numbers(match[1])))
                continue
            at = max(url_end(text, match.start()), at)
            parts.append(bare(text[match.start() : at], _ending(text, at, follows), self._hosts))
        parts.append(self._inert(text[at:]))
        return joined(parts)

    def _inert(self, text: str) -> str:
        shown = _INERT.sub(lambda match: "!\\" if match.group() == "!" else f"\\{match.group()}", text)
        return shown if self._whole else re.sub(r"(?<!\\)\[", r"\\[", shown)

    def _link(self, opening: Token, label: Sequence[Token]) -> str:
        target = str(opening.attrs["href"])
        if opening.info == "auto":
            shown = "".join(token.content for token in label)
            if target == f"mailto:{shown}":  # the address of a person, as when it stands without brackets
                return self._inert(shown)
            return f"<{shown}>" if is_allowed(shown, self._hosts) else as_text(shown)
        return link(self._label(label), target, self._hosts)

    def _image(self, token: Token) -> str:
        clean = self._label(token.children or [])
        shown = as_text(str(token.attrs["src"]))
        return f"🖼 {clean} ({shown})" if shown else f"🖼 {clean}"

    def _label(self, tokens: Sequence[Token]) -> str:
        """The text of a link, made safe by itself; it cannot hold another link."""
        return joined(list(_Writer((), escaped, whole=True, in_table=self._in_table)._parts(_merged(tokens), "", "]")))


def _merged(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, those of one text as one; a backslash that escapes nothing is text."""
    merged: list[Token] = []
    for token in tokens:
        if token.type == "text_special" and token.content == token.markup:
            token = Token("text", "", 0, content=token.content)
        if token.type == "text" and merged and merged[-1].type == "text":
            merged[-1] = Token("text", "", 0, content=merged[-1].content + token.content)
        else:
            merged.append(token)
    return merged


def _ending(text: str, at: int, follows: str) -> str:
    """What decides where a renderer ends the address before `at`: the first sign that is no punctuation at its end."""
    while at < len(text) and text[at] in TRAILING:
        at += 1
    return text[at : at + 1] or follows


def _behind_link(tokens: Sequence[Token], opening: int) -> int:
    """The position behind the end of the link that is opened there; one by its bare address may stand inside."""
    depth = 0
    for at in range(opening, len(tokens)):
        depth += {"link_open": 1, "link_close": -1}.get(tokens[at].type, 0)
        if depth == 0:
            return at + 1
    return len(tokens)


def _code(content: str) -> str:
    runs = {len(run) for run in _TICKS.findall(content)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    ticked = content.startswith("`") or content.endswith("`")
    spaced = content.strip(" ") and content.startswith(" ") and content.endswith(" ")
    pad = " " if ticked or spaced else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def _special(token: Token, before: str) -> str:
    """An escaped or coded sign as a sign that means nothing and that no address grows out of."""
    sign = token.content
    if not sign.isprintable() and not sign.isalnum():
        return " "
    grows = before.lower().endswith(_BEFORE_CODED.get(sign, ()))
    if token.info == "entity" and sign.isascii() and sign.isalnum():
        return f"{sign}{BREAK}"
    shown = f"\\{sign}" if len(sign) == 1 and sign.isascii() else sign
    return f"{BREAK}{shown}" if grows else shown
