"""Answers as Markdown that is safe to draw: nothing remote is loaded, nothing but citations is added.

The text of an answer comes from documents and models, so it is untrusted. It is drawn by Streamlit without HTML; what
Streamlit's Markdown would do beyond that (pictures, formulas from shell variables, coloured text) is undone here,
outside of code; a picture is named, and linked to where it lies on the web. Diagrams are left to it, with their text
after them for when they cannot be drawn. Offsets of citations count characters of the text as it came, so all changes
are made at once.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from frontend.views import Citation

_FENCE = re.compile(r"^[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+(`{3,}+|~{3,}+)[ \t]*+([^\s`]*)", re.MULTILINE)
_TICKS_OR_BLANK = re.compile(r"`+|\n[ \t]*+\n")
_MARKER = re.compile(r"\[(\d{1,3})\](?!\()")
_ITEM = re.compile(r"[ \t>]*+(?:[-*+]|\d{1,9}[.)])[ \t]")
_PICTURE = re.compile(r"!(?=\[(?:(?P<named>\d{1,3}\])(?!\())?)")
"""Before the number of a citation it only ends a sentence."""
_LINK = re.compile(
    r"\[(?P<label>[^\[\]\n]{0,300}+(?:\[[^\[\]\n]{0,300}\][^\[\]\n]{0,300}+){0,4}+)\]"
    r"\((?P<target>[^()\s]{0,2048}+(?:\([^()\s]{0,300}\)){0,9}+[^)\n]{0,300})\)"
)
_DEFINITION = re.compile(r"^[ ]{0,3}\[(?=[^\]\n]{1,300}\]:)", re.MULTILINE)
_DIRECTIVE = re.compile(r":(?=[a-z][\w-]*(?:\[|/\w+:))")
_DOLLAR = re.compile(r"(?<!\\)\$")
_FOREIGN_SHAPE = re.compile(r"\bimg\s*+:", re.IGNORECASE)
"""A shape of a diagram that is a picture from elsewhere; the browser would refuse it, and the diagram fail."""
MOST_DIAGRAMS, LONGEST_DIAGRAM = 12, 20_000
"""What a browser is asked to draw of one text, in diagrams and in the characters of each; the others stay text."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def prepare_answer(
    text: str,
    *,
    anchor: str = "",
    citations: Sequence[Citation] = (),
    uncited: Sequence[tuple[int, int]] = (),
    uncited_label: str = "",
) -> str:
    """The answer with its `[n]` as links to `#cite-<anchor>-<index of the citation>`, ending in `-weak` where the
    source does not support the sentence; after sentences without a citation stands a link to `#uncited`."""
    fences = list(_fenced(text))
    code = list(_code_spans(text, fences))
    edits = [
        *(_Edit(m.start(), m.end(), "🖼 " if m["named"] is None else "&#33;") for m in _PICTURE.finditer(text)),
        *(_Edit(m.start(), m.end(), "\\$") for m in _DOLLAR.finditer(text)),
        *(_Edit(m.start(), m.end(), "\\:") for m in _DIRECTIVE.finditer(text)),
        *_cut_links(text),
    ]
    inside = _membership(code)
    edits += _link_markers(text, anchor, citations, inside)
    kept = [*(each for each in edits if not inside(each.start)), *_diagrams(text, fences)]
    if uncited_label:
        kept += _mark_uncited(text, uncited, uncited_label, inside)
    return _apply(text, kept)


def _code_spans(text: str, fences: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where code stands: fenced blocks, then spans in backticks between them."""
    position = 0
    for start, end in fences:
        yield from _ticked(text, position, start)
        yield start, end
        position = end
    yield from _ticked(text, position, len(text))


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    while opening := _FENCE.search(text, position):
        fence = opening.group(1)
        closing = re.compile(rf"^[ \t>]*+{re.escape(fence[0])}{{{len(fence)},}}+[ \t]*+$", re.MULTILINE)
        found = closing.search(text, opening.end())
        position = found.end() if found else len(text)
        yield opening.start(), position


def _ticked(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans in backticks, each closed by the next run of the same length before the paragraph ends."""
    runs = [(run.start(), run.end()) for run in _TICKS_OR_BLANK.finditer(text, start, end)]
    closing: list[tuple[int, int] | None] = [None] * len(runs)
    nearest: dict[int, int] = {}
    for at in range(len(runs) - 1, -1, -1):
        length = runs[at][1] - runs[at][0]
        if text[runs[at][0]] == "\n":
            nearest.clear()
            continue
        same = nearest.get(length)
        closing[at] = runs[same] if same is not None else None
        nearest[length] = at
    position = start
    for run, closed_by in zip(runs, closing, strict=True):
        if closed_by is not None and run[0] >= position:
            yield run[0], closed_by[1]
            position = closed_by[1]


def _diagrams(text: str, fences: Sequence[tuple[int, int]]) -> Iterator[_Edit]:
    """A diagram keeps its text below it, which the page's style shows when it cannot be drawn. One that is not finished
    yet, would keep a browser busy or load something is text alone."""
    drawn = 0
    for start, end in fences:
        opening = _FENCE.match(text, start, end)
        if opening is None or opening.group(2).lower().strip("{}.") != "mermaid":
            continue
        fence = opening.group(1)
        is_closed = text[text.rfind("\n", start, end) + 1 : end].strip(" \t>").startswith(fence)
        is_large = end - start > LONGEST_DIAGRAM or drawn == MOST_DIAGRAMS
        if not is_closed or is_large or _FOREIGN_SHAPE.search(text, opening.end(), end):
            yield _Edit(opening.start(2), opening.end(2), "text")
            continue
        drawn += 1
        prefix = re.sub(r"[^\s>]", " ", text[start : opening.start(1)])
        yield _Edit(opening.start(2), opening.end(2), "mermaid")
        yield _Edit(end, end, f"\n{prefix}{fence}text{text[opening.end(2) : end]}")


def _cut_links(text: str) -> Iterator[_Edit]:
    """Links lead to http and https addresses only; of others the label stays. Link definitions become text."""
    for link in _LINK.finditer(text):
        if not link["target"].lower().startswith(("http://", "https://")):
            yield _Edit(link.start(), link.start() + 1, "")
            yield _Edit(link.end("label"), link.end(), "")
    for definition in _DEFINITION.finditer(text):
        yield _Edit(definition.end() - 1, definition.end(), "\\[")


def _link_markers(
    text: str, anchor: str, citations: Sequence[Citation], inside: Callable[[int], bool]
) -> Iterator[_Edit]:
    """Links for the markers; those of a paragraph, a list or a table that all say the same stand once, at its end."""
    by_number: dict[int, list[int]] = {}
    for index, citation in sorted(enumerate(citations), key=lambda pair: pair[1].answer_start):
        by_number.setdefault(citation.number, []).append(index)
    cited: list[tuple[re.Match[str], int]] = []
    for marker in _MARKER.finditer(text):
        nearest = _nearest(marker.start(), by_number.get(int(marker.group(1)), []), citations)
        if nearest is not None and not inside(marker.start()):
            cited.append((marker, nearest))
    stands_for = _merged(text, cited, citations)
    for marker, own in cited:
        shown = stands_for.get(marker.start(), own)
        if shown is None:
            start = marker.start() - (text[: marker.start()].endswith(" "))
            yield _Edit(start, marker.end(), "")
            continue
        weak = "" if citations[shown].supported else "-weak"
        sign = "" if citations[shown].supported else " ⚠"
        link = f"[\\[{marker.group(1)}\\]{sign}](#cite-{anchor}-{shown}{weak})"
        yield _Edit(marker.start(), marker.end(), link)


def _merged(
    text: str, cited: Sequence[tuple[re.Match[str], int]], citations: Sequence[Citation]
) -> dict[int, int | None]:
    """Of the blocks whose markers all say the same, by where the markers stand: the citation that it leads to, which is
    the first of the block for those at its end, and None for those that are left out. What is not supported is shown
    where it stands."""
    found: dict[int, int | None] = {}
    places = [marker.start() for marker, _ in cited]
    for start, end in _blocks(text):
        runs: list[list[tuple[re.Match[str], int]]] = []
        here = cited[bisect_left(places, start) : bisect_left(places, end)]
        for marker, index in here:
            if runs and not text[runs[-1][-1][0].end() : marker.start()].strip():
                runs[-1].append((marker, index))
            else:
                runs.append([(marker, index)])
        said = {tuple(marker.group(1) for marker, _ in run) for run in runs}
        if len(said) == 1 and all(citations[index].supported for _, index in here):
            found.update({marker.start(): None for run in runs[:-1] for marker, _ in run})
            pairs = zip(runs[-1], runs[0], strict=True)
            found.update({last.start(): first for (last, _), (_, first) in pairs})
    return found


def _blocks(text: str) -> list[tuple[int, int]]:
    """Paragraphs, tables and lists; a list with empty lines between its items is one."""
    blocks: list[tuple[int, int]] = []
    is_list = False
    for start, end in _paragraphs(text):
        is_item = _ITEM.match(text, start, end) is not None
        if blocks and is_item and is_list:
            blocks[-1] = (blocks[-1][0], end)
        else:
            blocks.append((start, end))
            is_list = is_item
    return blocks


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Lines that stand together, without the blank ones between."""
    position, begun = 0, -1
    for line in text.split("\n"):
        blank = not line.strip()
        if blank and begun >= 0:
            yield begun, position - 1
            begun = -1
        elif not blank and begun < 0:
            begun = position
        position += len(line) + 1
    if begun >= 0:
        yield begun, len(text)


def _nearest(position: int, same: Sequence[int], citations: Sequence[Citation]) -> int | None:
    """Of the citations of one number, in the order of their sentences, the one whose sentence is nearest."""
    behind = bisect_right(same, position, key=lambda index: citations[index].answer_start)
    around = same[max(0, behind - 1) : behind + 1]

    def distance(index: int) -> int:
        return max(citations[index].answer_start - position, position - citations[index].answer_end, 0)

    return min(around, key=distance, default=None)


def _mark_uncited(
    text: str, uncited: Sequence[tuple[int, int]], label: str, inside: Callable[[int], bool]
) -> Iterator[_Edit]:
    for start, end in uncited:
        end = min(end, len(text))
        while end > start and text[end - 1].isspace():
            end -= 1
        if end > start and not inside(end - 1):
            yield _Edit(end, end, f" [{label}](#uncited)")


def _membership(spans: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    """Tells of a position whether it lies in one of the spans, which are in order."""

    def inside(position: int) -> bool:
        at = bisect_right(spans, position, key=lambda span: span[0]) - 1
        return at >= 0 and position < spans[at][1]

    return inside


def _apply(text: str, edits: Sequence[_Edit]) -> str:
    """The text with all edits; of two that overlap the longer replacement wins, so a citation beats an escape."""
    done: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda each: (each.start, -len(each.text))):
        if edit.start < position:
            continue
        done += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*done, text[position:]])


def plain_label(text: str) -> str:
    """Untrusted text for a label, where Markdown would count: every sign of it is escaped."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$:~-])", r"\\\1", " ".join(text.split()))
