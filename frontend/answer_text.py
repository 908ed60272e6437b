"""Answers as Markdown that is safe to draw: nothing remote is loaded, nothing but citations is added.

The text of an answer comes from documents and models, so it is untrusted. It is drawn by Streamlit without HTML; what
Streamlit's Markdown would do beyond that (pictures, formulas from shell variables, coloured text, diagrams) is undone
here, outside of code. Offsets of citations count characters of the text as it came, so all changes are made at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from frontend.views import Citation

_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}|~{3,})[ \t]*([^\s`]*)", re.MULTILINE)
_TICKS = re.compile(r"`+")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_MARKER = re.compile(r"\[(\d{1,3})\](?!\()")
_PICTURE = re.compile(r"!(?=\[)")
_LINK = re.compile(
    r"(?<!!)\[(?P<label>[^\[\]\n]*(?:\[[^\[\]\n]*\][^\[\]\n]*)*)\]\((?P<target>[^()\s]*(?:\([^()\s]*\))*[^)]*)\)"
)
_DEFINITION = re.compile(r"^[ ]{0,3}\[(?=[^\]\n]+\]:)", re.MULTILINE)
_DIRECTIVE = re.compile(r":(?=[a-z][\w-]*(?:\[|/\w+:))")
_DOLLAR = re.compile(r"(?<!\\)\$")


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
    code = list(_code_spans(text))
    edits = [
        *_edits_in_fences(text),
        *(_Edit(m.start(), m.end(), "!\\") for m in _PICTURE.finditer(text)),
        *(_Edit(m.start(), m.end(), "\\$") for m in _DOLLAR.finditer(text)),
        *(_Edit(m.start(), m.end(), "\\:") for m in _DIRECTIVE.finditer(text)),
        *_cut_links(text),
        *_link_markers(text, anchor, citations),
    ]
    kept = [each for each in edits if not _inside(each.start, code) or each.text == "text"]
    if uncited_label:
        kept += _mark_uncited(text, uncited, uncited_label, code)
    return _apply(text, kept)


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where code stands: fenced blocks, then spans in backticks between them."""
    position = 0
    for start, end in _fenced(text):
        yield from _ticked(text, position, start)
        yield start, end
        position = end
    yield from _ticked(text, position, len(text))


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    while opening := _FENCE.search(text, position):
        fence = opening.group(1)
        closing = re.compile(rf"^[ \t>]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
        found = closing.search(text, opening.end())
        position = found.end() if found else len(text)
        yield opening.start(), position


def _ticked(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    while (opening := _TICKS.search(text, position, end)) is not None:
        limit = _BLANK_LINE.search(text, opening.end(), end)
        stop = limit.start() if limit else end
        closing = next((m for m in _TICKS.finditer(text, opening.end(), stop) if m.group() == opening.group()), None)
        if closing is not None:
            yield opening.start(), closing.end()
        position = (closing or opening).end()


def _edits_in_fences(text: str) -> Iterator[_Edit]:
    """A diagram is drawn by a program of its own; here its source is shown."""
    for start, end in _fenced(text):
        opening = _FENCE.match(text, start, end)
        if opening is not None and opening.group(2).lower().strip("{}.") == "mermaid":
            yield _Edit(opening.start(2), opening.end(2), "text")


def _cut_links(text: str) -> Iterator[_Edit]:
    """Links lead to http and https addresses only; of others the label stays. Link definitions become text."""
    for link in _LINK.finditer(text):
        if not link["target"].lower().startswith(("http://", "https://")):
            yield _Edit(link.start(), link.start() + 1, "")
            yield _Edit(link.end("label"), link.end(), "")
    for definition in _DEFINITION.finditer(text):
        yield _Edit(definition.end() - 1, definition.end(), "\\[")


def _link_markers(text: str, anchor: str, citations: Sequence[Citation]) -> Iterator[_Edit]:
    for marker in _MARKER.finditer(text):
        index = _citation_at(marker.start(), int(marker.group(1)), citations)
        if index is not None:
            weak = "" if citations[index].supported else "-weak"
            sign = "" if citations[index].supported else " ⚠"
            link = f"[\\[{marker.group(1)}\\]{sign}](#cite-{anchor}-{index}{weak})"
            yield _Edit(marker.start(), marker.end(), link)


def _citation_at(position: int, number: int, citations: Sequence[Citation]) -> int | None:
    """The citation with this number whose sentence is nearest to the position."""
    same = [(index, each) for index, each in enumerate(citations) if each.number == number]
    if not same:
        return None

    def distance(pair: tuple[int, Citation]) -> int:
        start, end = pair[1].answer_start, pair[1].answer_end
        return max(start - position, position - end, 0)

    return min(same, key=distance)[0]


def _mark_uncited(
    text: str, uncited: Sequence[tuple[int, int]], label: str, code: Sequence[tuple[int, int]]
) -> Iterator[_Edit]:
    for start, end in uncited:
        end = min(end, len(text))
        while end > start and text[end - 1].isspace():
            end -= 1
        if end > start and not _inside(end - 1, code):
            yield _Edit(end, end, f" [{label}](#uncited)")


def _inside(position: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)


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
