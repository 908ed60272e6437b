"""A document as a page: Markdown drawn, slides as slides, a large table cut around the passage, mail line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import streamlit as st

from frontend.answer_text import plain_label, prepare_answer
from frontend.components import mark_passage
from frontend.reading.place import Place
from frontend.session import texts
from frontend.views import DocumentContent

WINDOW = 15_000
"""Characters drawn on either side of the passage; a longer document is cut, and says so."""
MAIL = "message/rfc822"
_SLIDES = ("presentationml", "ms-powerpoint", "opendocument.presentation")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
_FENCE_LINE = re.compile(r"^[ \t>]*(`{3,}|~{3,})", re.MULTILINE)


def draw_rendered(content: DocumentContent, place: Place) -> None:
    """The document as a page; the blocks that hold the passage stand out, and in them what was quoted."""
    say, text = texts(), content.text
    start, end = whole_blocks(text, place.start, place.end)
    front = _FRONT_MATTER.match(text)
    begin = front.end() if front else 0
    first = max(begin, whole_blocks(text, max(0, start - WINDOW), start)[0])
    last = min(len(text), whole_blocks(text, end, min(len(text), end + WINDOW))[1])
    with st.container(key="source-page"):
        if first > begin:
            st.caption(say("source.cut"))
        for number, (label, here, there) in enumerate(_parts(content, first, last)):
            if not label:
                _draw_part(content, place, here, there, (start, end), number)
                continue
            with st.container(border=True, key=f"slide-{number}"):
                st.caption(plain_label(page_label(content, label)))
                _draw_part(content, place, here, there, (start, end), number)
        if last < len(text):
            st.caption(say("source.cut"))
    mark_passage("source-passage", text[place.start : place.end], key="source-mark")


def page_label(content: DocumentContent, label: str) -> str:
    """What a page of this document is called: a page, a slide or a sheet."""
    kind = content.document.media_type
    if any(each in kind for each in _SLIDES):
        return texts()("source.slide", number=label)
    return texts()("source.sheet" if "sheet" in kind or "excel" in kind else "source.page", page=label)


def _parts(content: DocumentContent, first: int, last: int) -> Iterator[tuple[str, int, int]]:
    """Label, start and end of each slide in the window; of other documents the whole window, without a label."""
    if not any(each in content.document.media_type for each in _SLIDES) or not content.pages:
        yield "", first, last
        return
    starts = [page.start for page in content.pages]
    for page, following in zip(content.pages, [*starts[1:], len(content.text)], strict=True):
        if page.start < last and following > first:
            yield page.label, max(first, page.start), min(last, following)


def _draw_part(
    content: DocumentContent, place: Place, first: int, last: int, passage: tuple[int, int], number: int
) -> None:
    start, end = max(first, passage[0]), min(last, passage[1])
    if end <= start:
        _draw_markdown(content, first, last, place)
        return
    _draw_markdown(content, first, start, place)
    # The first one is where the mark is set; a passage that goes on over a slide's end has more.
    is_first = passage[0] >= first
    with st.container(key="source-passage" if is_first else f"source-passage-{number}"):
        _draw_markdown(content, start, end, place)
    _draw_markdown(content, end, last, place)


def _draw_markdown(content: DocumentContent, start: int, end: int, place: Place) -> None:
    text = content.text[start:end]
    if not text.strip():
        return
    if len(text) > 2 * WINDOW:
        text, cut = cut_table(text, max(0, place.start - start), max(0, place.end - start))
        if cut:
            st.caption(texts()("source.cut"))
    if content.document.media_type == MAIL:
        text = mail_lines(text)
    st.markdown(prepare_answer(text.strip("\n")), anchors=False)


def cut_table(text: str, start: int, end: int) -> tuple[str, bool]:
    """Of a block that is too long to be drawn, the lines around `start`..`end`, after the head of the table if it is
    one; and whether anything was left out."""
    before = text.rfind("\n", 0, max(0, start - WINDOW // 2)) + 1
    after = text.find("\n", min(len(text), max(start, end) + WINDOW // 2))
    after = len(text) if after < 0 else after
    after = min(after, before + 4 * WINDOW)
    if before == 0 and after == len(text):
        return text, False
    lead = len(text) - len(text.lstrip("\n"))
    second = text.find("\n", text.find("\n", lead) + 1)
    head = text[lead : second + 1]
    is_table = before > second > 0 and head.startswith("|") and "---" in head
    return (head if is_table else "") + text[before:after], True


def mail_lines(text: str) -> str:
    """Mail as its writer broke it: every line by itself, and what follows a quotation outside of it."""
    lines: list[str] = []
    quoted = False
    for line in text.split("\n"):
        is_quoted = line.startswith(">")
        if quoted and not is_quoted and line.strip():
            lines.append("")
        quoted = is_quoted
        lines.append(f"{line}  " if line.strip() and not line.startswith(("#", "|")) else line)
    return "\n".join(lines)


def whole_blocks(text: str, start: int, end: int) -> tuple[int, int]:
    """The span grown to whole blocks of Markdown: to empty lines outside of fences."""
    if end <= start:
        return start, start
    breaks = _breaks(text)
    before = [at for at in breaks if at <= start]
    after = [at for at in breaks if at >= end]
    return (before[-1] if before else 0, after[0] if after else len(text))


def _breaks(text: str) -> list[int]:
    """Where one block may be cut from the next."""
    found: list[int] = []
    fence, position = "", 0
    for line in text.splitlines(keepends=True):
        tick = _FENCE_LINE.match(line)
        if tick and not fence:
            fence = tick.group(1)
        elif tick and tick.group(1).startswith(fence):
            fence = ""
        elif not fence and not line.strip():
            found.append(position)
        position += len(line)
    return found
