"""The panel beside the page that shows a source at a passage: rendered or raw, with the passage marked, the citations
before and after it, and the way to the original. On a narrow screen it covers the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from frontend.answer_text import plain_label, prepare_answer
from frontend.client import ApiError
from frontend.components import document_text, mark_passage
from frontend.session import api, show_error, texts
from frontend.tools.cited_call import draw_call
from frontend.views import CalledTool, Chunk, DocumentContent

WINDOW = 60_000
"""Characters shown on either side of the passage; longer documents are cut, and say so."""
RENDERED_WINDOW = 15_000
"""Of a rendered document; drawing Markdown takes longer."""
_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
_FENCE_LINE = re.compile(r"^[ \t>]*(`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A passage of a document, by offsets in its text; without `end` the document's beginning. With `call` it is one
    of what that call put out in the run `run_id`.

    `quote` is what stood there when it was cited; the document may have been replaced or deleted since.
    """

    knowledge_base_id: str
    document_id: str
    start: int = 0
    end: int = 0
    heading_path: tuple[str, ...] = ()
    quote: str = ""
    call: CalledTool | None = None
    title: str = ""
    run_id: str = ""


def want_source(place: Place, among: Sequence[Place] = ()) -> None:
    """Opens the panel at the next run of the page. `among` are the citations that one can step through."""
    st.session_state["source"] = place
    st.session_state["source-among"] = tuple(among)
    st.session_state["source-raw"] = False


def close_source() -> None:
    """Closes the panel."""
    st.session_state.pop("source", None)


def draw_wanted_source() -> None:
    """The panel, if a source is open."""
    if "source" in st.session_state:
        _panel()


@st.fragment
def _panel() -> None:
    place: Place | None = st.session_state.get("source")
    if place is None:
        return
    with st.container(key="source-panel"):
        if place.call is not None:
            _draw_head(place.title, place)
            draw_call(place.call, place.quote, place.run_id)
            return
        try:
            content = api().content(place.knowledge_base_id, place.document_id)
        except ApiError as error:
            _draw_head("", place)
            if error.status == 404:
                _draw_lost("source.gone", place.quote)
            else:
                show_error(error, "source")
            return
        _draw(content, place)


def _draw(content: DocumentContent, place: Place) -> None:
    document = content.document
    found = _found_again(place, content.text)
    _draw_head(document.title or document.path, place)
    shown = found or replace(place, start=0, end=0, heading_path=(), quote="")
    at = _chunk_at(content.chunks, shown)
    chunk = content.chunks[at] if at is not None else None
    heading = shown.heading_path or (tuple(chunk.heading_path) if chunk is not None else ())
    page = [texts()("source.page", page=chunk.page)] if chunk is not None and chunk.page else []
    base = st.session_state.get("base-names", {}).get(document.knowledge_base_id, "")
    when = document.updated_at.strftime("%Y-%m-%d") if document.updated_at else ""
    st.caption(plain_label(" · ".join(filter(None, [base, document.path, *page, when]))))
    if heading:
        st.caption(plain_label(" › ".join(heading)))
    _draw_actions(content, shown, at)
    if found is None:
        _draw_lost("source.changed", place.quote)
    if content.markup == "markdown" and not st.session_state.get("source-raw"):
        _draw_rendered(content.text, shown)
    else:
        _draw_raw(content, shown)


def _draw_head(title: str, place: Place) -> None:
    say = texts()
    among: tuple[Place, ...] = st.session_state.get("source-among", ())
    with st.container(horizontal=True, gap="small", vertical_alignment="center", wrap=False, key="source-head"):
        st.markdown(f"**{plain_label(title) or say('source.title')}**", width="stretch")
        if len(among) > 1 and place in among:
            at = among.index(place)
            for step, name, icon in ((-1, "cite_before", "chevron_left"), (1, "cite_after", "chevron_right")):
                st.button(
                    f":material/{icon}:", key=f"source-{name}", type="tertiary", help=say(f"source.{name}"),
                    disabled=not 0 <= at + step < len(among), on_click=_show,
                    args=(among[min(max(at + step, 0), len(among) - 1)],),
                )  # fmt: skip
                if step < 0:
                    st.caption(f"{at + 1}/{len(among)}", width="content")
        if st.button(":material/close:", key="source-close", type="tertiary", help=say("source.close")):
            close_source()
            st.rerun()


def _draw_actions(content: DocumentContent, place: Place, at: int | None) -> None:
    say, document = texts(), content.document
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="source-actions"):
        _draw_step(content, place, at, -1)
        _draw_step(content, place, at, 1)
        if content.markup == "markdown":
            st.toggle(say("source.raw"), key="source-raw")
        if document.url.startswith(("http://", "https://")):
            st.link_button(say("source.original"), document.url, icon=":material/open_in_new:", type="tertiary")
        st.link_button(
            say("source.download"), f"/files/{document.knowledge_base_id}/{document.id}", icon=":material/download:",
            type="tertiary",
        )  # fmt: skip


def _found_again(place: Place, text: str) -> Place | None:
    """The place where its quote stands now; None when the text no longer holds it."""
    if not place.quote or text[place.start : place.end] == place.quote:
        return place
    at = text.find(place.quote)
    return None if at < 0 else replace(place, start=at, end=at + len(place.quote), heading_path=())


def _draw_lost(reason: str, quote: str) -> None:
    """Says why the cited passage cannot be shown in its place, and what it said."""
    say = texts()
    st.warning(say(reason), icon=":material/history:")
    if quote:
        st.caption(say("source.said"))
        st.code(quote, language=None, wrap_lines=True)


def _draw_rendered(text: str, place: Place) -> None:
    """The document as a page; the blocks that hold the passage stand out, and in them what was quoted."""
    say = texts()
    start, end = whole_blocks(text, place.start, place.end)
    front = _FRONT_MATTER.match(text)
    first = max(front.end() if front else 0, whole_blocks(text, max(0, start - RENDERED_WINDOW), start)[0])
    last = min(len(text), whole_blocks(text, end, min(len(text), end + RENDERED_WINDOW))[1])
    with st.container(key="source-page"):
        if first > (front.end() if front else 0):
            st.caption(say("source.cut"))
        _draw_markdown(text[first:start])
        if end > start:
            with st.container(key="source-passage"):
                _draw_markdown(text[max(first, start) : end])
        _draw_markdown(text[max(first, end) : last])
        if last < len(text):
            st.caption(say("source.cut"))
    mark_passage("source-passage", text[place.start : place.end], key="source-mark")


def _draw_markdown(text: str) -> None:
    if text.strip():
        st.markdown(prepare_answer(text.strip("\n")), anchors=False)


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


def _draw_raw(content: DocumentContent, place: Place) -> None:
    say, document = texts(), content.document
    before, after = max(0, place.start - WINDOW), min(len(content.text), max(place.end, place.start) + WINDOW)
    document_text(
        content.text[before:after],
        place.start - before,
        place.end - before,
        markdown=content.markup == "markdown",
        notes={
            "label": document.title or document.path,
            "before": say("source.cut") if before else "",
            "after": say("source.cut") if after < len(content.text) else "",
        },
        key="source-text",
    )


def _draw_step(content: DocumentContent, place: Place, at: int | None, step: int) -> None:
    say = texts()
    name, icon = ("previous", ":material/arrow_upward:") if step < 0 else ("next", ":material/arrow_downward:")
    target = None if at is None else at + step
    there = target is not None and 0 <= target < len(content.chunks)
    st.button(
        icon, key=f"source-{name}", type="tertiary", help=say(f"source.{name}"), disabled=not there,
        on_click=_show_chunk, args=(place, content.chunks[target] if there and target is not None else None),
    )  # fmt: skip


def _show(place: Place) -> None:
    st.session_state["source"] = place


def _show_chunk(place: Place, chunk: Chunk | None) -> None:
    if chunk is not None:
        _show(replace(place, start=chunk.start, end=chunk.end, heading_path=tuple(chunk.heading_path), quote=""))


def _chunk_at(chunks: list[Chunk], place: Place) -> int | None:
    """The chunk that holds the passage's beginning, else the last one before it."""
    if not chunks:
        return None
    holding = [index for index, chunk in enumerate(chunks) if chunk.start <= place.start]
    return holding[-1] if holding else 0
