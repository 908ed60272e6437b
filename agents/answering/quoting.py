"""Setting quotations as Markdown: what was picked from the documents, under its headings, each piece with its number.

A number is that of a place: a document and the headings that the piece stands under, counted as they appear.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.answering.wording import say_left
from agents.citations.checking import cite
from agents.citations.code_spans import change
from agents.evidence import Citation
from agents.sanitising.stream import sanitise
from knowledge.types import AnswerSegment, Passage

_HAN = r"\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_ENDS_HAN = re.compile(rf"[{_HAN}]$")
_BEGINS_HAN = re.compile(rf"[{_HAN}]")
_WRAP = re.compile(rf"(?<=[{_HAN}])[ \t]*\n[ \t>]*(?=[{_HAN}])")
_NEW_LINE = re.compile(r"(?:(?<![ \t])[ \t]++)?+\n[ \t>]*+")
_ALERT = re.compile(r"\[!\w+\][ \t]*")
_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
# The signs of an admonition, which documentation generators draw as a box.
_OPENS = re.compile(r"(?::::+|!!!|\?\?\?\+?)[ \t]*\w*[ \t]*")
_QUOTATION = re.compile(r"(?:[ \t]*>)+[ \t]?")
# At the beginning of a line these would make it a heading, a quotation, a list, a rule or a table.
_BLOCK_SIGN = re.compile(r"#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|={2,}|-{2,}|\||~{3}")
_NUMBERED = re.compile(r"(\d{1,9})([.)])(?=\s)")
_ITEM = re.compile(r"^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+", re.MULTILINE)
_STEP = re.compile(r"\s*\d{1,9}[.)]\s")
_FENCE = re.compile(r"[ \t]*+(`{3,}+|~{3,}+)[ \t]*+([^`\n]*+)$")
_FENCE_LINES = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*([^`\s]*)", re.MULTILINE)
_RULE_ROW = re.compile(r"[ \t]*+\|?+[ \t]*+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-*+:?+[ \t]*+)*+$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quoted:
    """An answer as Markdown: `"".join(pieces)` is its text, and every citation is exact, in both texts."""

    pieces: tuple[str, ...]
    citations: tuple[Citation, ...]


def quote(
    segments: Sequence[AnswerSegment],
    passages: Sequence[Passage],
    hosts: Collection[str],
    *,
    language: str = "en",
    opening: str = "",
) -> Quoted:
    """The segments in their order, under the heading of their place; neighbours of one paragraph or table stay
    together, blocks stay whole. `language` is that of what we say ourselves: how much of a list is left.

    A sentence of ours, `opening`, stands before them; without anything to quote it does not.
    Segments of passages that are not among `passages` are left out. Nothing in the text is rendered as an image,
    HTML or a link but to `hosts`.
    """
    setter = _Setter({passage.number: passage for passage in passages}, hosts, language)
    if opening:
        setter.open(opening)
    for segment in segments:
        setter.add(segment)
    return Quoted(pieces=tuple(setter.pieces) if setter.citations else (), citations=tuple(setter.citations))


class _Setter:
    def __init__(self, passages: Mapping[int, Passage], hosts: Collection[str], language: str) -> None:
        self._passages = passages
        self._hosts = hosts
        self._language = language
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        self._place: tuple[str, tuple[str, ...]] | None = None
        self._length = 0
        self._last: AnswerSegment | None = None
        self._columns = 0
        self._ordinal: int | None = None
        """The number of the last item, while a numbered list goes on."""
        self._sign = ""
        self.pieces: list[str] = []
        self.citations: list[Citation] = []

    def open(self, sentence: str) -> None:
        """Begin with a sentence of ours."""
        self._put("", sentence, None)

    def add(self, segment: AnswerSegment) -> None:
        if segment.number not in self._passages or not segment.text.strip():
            return
        self._enter(segment)
        if segment.left:
            self._add_rest(segment)
            return
        if segment.block != "list":
            self._ordinal = None
        match segment.block:
            case "code":
                self._add_code(segment)
            case "table":
                self._add_table(segment)
            case "list" if _ITEM.match(segment.text):
                self._add_list(segment)
            case _:
                self._add_sentence(segment)
        self._last = segment

    def _enter(self, segment: AnswerSegment) -> None:
        """Say where what follows stands, when that is another place than before."""
        document = self._passages[segment.number].document
        place = (document.id, segment.heading_path)
        if place == self._place:
            return
        self._place, self._last, self._ordinal = place, None, None
        self._places.setdefault(place, len(self._places) + 1)
        names = dict.fromkeys(filter(None, (document.title or document.path, *segment.heading_path[-1:])))
        shown = " › ".join(_plain(self._line(name)) for name in names)
        self._put(self._gap(), f"**{shown}**", None)

    def _number(self, segment: AnswerSegment) -> int:
        return self._places[self._passages[segment.number].document.id, segment.heading_path]

    def _add_rest(self, segment: AnswerSegment) -> None:
        kind = segment.block if segment.block != "list" else "step" if _STEP.match(segment.text) else "item"
        text = say_left(kind, segment.left, self._language)
        raw = segment.text.strip()
        place = segment.start + segment.text.index(raw)
        gap = "\n\n" if self.pieces else ""
        self._put(gap, f"{text} [{self._number(segment)}]", segment, place=place, raw=raw)

    def _add_sentence(self, segment: AnswerSegment) -> None:
        text = self._line(segment.text)
        if not text:
            return
        goes_on = self._goes_on(segment)
        if not goes_on:
            text = _without_block_sign(text)
        spaced = goes_on and not (_BEGINS_HAN.match(text) and self.pieces[-1].endswith("]"))
        self._put(
            (" " if spaced else "") if goes_on else self._gap(),
            f"{text}{_marker(text, self._number(segment))}",
            segment,
        )

    def _add_list(self, segment: AnswerSegment) -> None:
        starts = [match.start() for match in _ITEM.finditer(segment.text)]
        base = min(len(match.group(1).expandtabs(4)) for match in _ITEM.finditer(segment.text))
        before = 0
        for position, (start, end) in enumerate(zip(starts, [*starts[1:], len(segment.text)], strict=True)):
            match = _ITEM.match(segment.text, start)
            assert match is not None
            indent = len(match.group(1).expandtabs(4)) - base
            # An item may go in at most one step below the one before it, or it would be code.
            indent = min(indent, before + 4) if position else 0
            before = indent
            text = self._line(segment.text[match.end() : end])
            sign = match.group(2)
            if not indent and not self._counts_on(sign):
                # A renderer would number it anew; a paragraph keeps the number it has.
                sign = f"{sign[:-1]}\\{sign[-1]}"
            item = f"{' ' * indent}{sign} {text}{_marker(text, self._number(segment))}"
            place = segment.start + match.end(1)
            joins = (position or self._listed(segment)) and "\\" not in f"{sign}{self._sign}"
            gap, self._sign = "\n" if joins else self._gap(), sign
            self._put(gap, item, segment, place=place, raw=segment.text[match.end(1) : end].strip())
            if not indent:
                self._ordinal = int(sign[:-1]) if sign[:-1].isdigit() else None

    def _counts_on(self, sign: str) -> bool:
        """Whether a list item may keep its sign: no number, the first of a list, or the next number of this one."""
        number = sign[:-1]
        return not number.isdigit() or self._ordinal is None or int(number) == self._ordinal + 1

    def _listed(self, segment: AnswerSegment) -> bool:
        """Whether the piece before is a list of the same passage."""
        return self._last is not None and self._last.block == "list" and self._last.number == segment.number

    def _add_table(self, segment: AnswerSegment) -> None:
        rows = [row for row in segment.text.splitlines() if row.strip()]
        if segment.header and not self._goes_on_below(segment):
            self._put_header(list(_cells(segment.header)))
        rule = next((at for at, row in enumerate(rows) if at and _RULE_ROW.match(row)), None)
        if rule is not None:
            self._columns = rows[0].strip().strip("|").count("|") + 1
        elif not (self._columns and self._last is not None and self._last.block == "table"):
            self._columns = len(list(_cells(segment.header))) if segment.header else 0
        place = 0
        for at, row in enumerate(rows):
            place = segment.text.index(row, place)
            gap = "\n" if at or (rule is None and self._columns) else self._gap()
            clean = self._line(row)
            if rule is not None and at <= rule:
                # The header states nothing; the rows below it are cited.
                self._put(gap, clean, None)
            else:
                shown = clean if self._columns else f"- {'; '.join(cell.strip() for cell in _cells(clean))}"
                marked = _marked_row(shown, self._number(segment))
                self._put(gap, marked, segment, place=segment.start + place, raw=row.strip())
            place += len(row)

    def _goes_on_below(self, segment: AnswerSegment) -> bool:
        """Whether rows stand below the header that was put for the rows before them."""
        last = self._last
        return last is not None and last.block == "table" and last.header == segment.header

    def _put_header(self, names: Sequence[str]) -> None:
        """The header states nothing; the rows below it are cited."""
        self._columns = len(names)
        cells = " | ".join(_cell(self._line(name)) for name in names)
        self._put(self._gap(), f"| {cells} |\n|{'---|' * len(names)}", None)

    def _add_code(self, segment: AnswerSegment) -> None:
        lines = segment.text.strip("\n").splitlines()
        info = self._info_above(segment)
        if opening := _FENCE.match(lines[0]):
            info, lines = opening.group(2).strip(), lines[1:]
        if lines and (closing := _FENCE.match(lines[-1])) and not closing.group(2):
            lines = lines[:-1]
        body = textwrap.dedent("\n".join(lines)).strip("\n")
        if not body.strip():
            return
        longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
        fence = "`" * max(3, longest + 1)
        info = re.sub(r"[^\w+#.-].*", "", info)
        self._put(self._gap(), f"{fence}{info}\n{body}\n{fence}\n\n[{self._number(segment)}]", segment)

    def _info_above(self, segment: AnswerSegment) -> str:
        """The language named where the block of code was opened that these lines are from."""
        passage = self._passages[segment.number]
        fences = _FENCE_LINES.findall(passage.text[: segment.start - passage.start])
        return str(fences[-1]) if len(fences) % 2 else ""

    def _line(self, text: str) -> str:
        """Running text in one line, safe, its markers shown as text."""
        text = _QUOTATION.sub("", text.strip(), count=1) if text.lstrip().startswith(">") else text.strip()
        if _OPENS.match(text):
            text = _without_closing(_OPENS.sub("", text)).strip()
        if text.startswith("<"):
            text = _TAG.sub("", text).strip()
        joined = _NEW_LINE.sub(" ", _WRAP.sub("", _ALERT.sub("", text) if text.startswith("[!") else text))
        # Links by reference lost what they refer to when they were quoted.
        joined = change(joined.replace("\r", " "), code=str, outside=lambda text: _REFERENCE.sub(r"\1", text))
        return sanitise(joined, hosts=self._hosts).strip()

    def _goes_on(self, segment: AnswerSegment) -> bool:
        """Whether a sentence stands in the paragraph of the one before it."""
        last = self._last
        if last is None or last.block != "sentence" or segment.block != "sentence":
            return False
        if last.number != segment.number or not 0 <= segment.start - last.end <= 3:
            return False
        passage = self._passages[segment.number]
        between = passage.text[last.end - passage.start : segment.start - passage.start]
        return between.count("\n") < 2

    def _gap(self) -> str:
        return "\n\n" if self.pieces else ""

    def _put(
        self, gap: str, text: str, segment: AnswerSegment | None, *, place: int | None = None, raw: str = ""
    ) -> None:
        begin = self._length + len(gap)
        self.pieces.append(gap + text)
        self._length = begin + len(text)
        if segment is not None:
            start = segment.start if place is None else place
            self._cite(begin, self._length, segment, start, raw or segment.text)

    def _cite(self, begin: int, end: int, segment: AnswerSegment, start: int, raw: str) -> None:
        passage = self._passages[segment.number]
        self.citations.append(
            cite(
                passage,
                number=self._number(segment),
                heading_path=segment.heading_path,
                anchor=segment.anchor,
                quote=raw,
                start=start,
                answer_start=begin,
                answer_end=end,
            )
        )


def _marker(text: str, number: int) -> str:
    return f"[{number}]" if _ENDS_HAN.search(text) else f" [{number}]"


def _marked_row(row: str, number: int) -> str:
    inside = row.removesuffix("|").rstrip() if row.endswith("|") and not row.endswith("\\|") else None
    return f"{row} [{number}]" if inside is None else f"{inside} [{number}] |"


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\|", text)


def _plain(name: str) -> str:
    """A heading as text of its own: nothing in it is emphasis, whose signs would end ours."""
    return re.sub(r"([*_`])", r"\\\1", name)


def _cells(row: str) -> Iterator[str]:
    yield from re.split(r"(?<!\\)\|", row.strip().strip("|"))


def _without_closing(text: str) -> str:
    """A container's text without the line of colons that closes it."""
    opened = text.rstrip().rstrip(":")
    return opened if text.rstrip()[len(opened) :].startswith(":::") else text


def _without_block_sign(text: str) -> str:
    if _BLOCK_SIGN.match(text):
        return f"\\{text}"
    return _NUMBERED.sub(r"\1\\\2", text, count=1) if _NUMBERED.match(text) else text
