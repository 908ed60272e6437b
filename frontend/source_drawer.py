"""The drawer that shows a source at a passage: its text with the passage marked, and the way to the original."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.components import document_text
from frontend.session import api, show_error, texts
from frontend.views import Chunk, DocumentContent

WINDOW = 60_000
"""Characters shown on either side of the passage; longer documents are cut, and say so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A passage of a document, by offsets in its text; without `end` the document's beginning.

    `quote` is what stood there when it was cited; the document may have been replaced or deleted since.
    """

    knowledge_base_id: str
    document_id: str
    start: int = 0
    end: int = 0
    heading_path: tuple[str, ...] = ()
    quote: str = ""


def want_source(place: Place) -> None:
    """Opens the drawer at the next run of the page."""
    st.session_state["source"] = place


def draw_wanted_source() -> None:
    """Opens the drawer, if a source was asked for."""
    place = st.session_state.pop("source", None)
    if place is not None:
        open_source(place)


def open_source(place: Place) -> None:
    """Opens the drawer now. The page may open only one dialog in a run."""
    say = texts()
    st.session_state["shown-place"] = place

    @st.dialog(say("source.title"), width=720, position="right", icon=":material/description:")
    def drawer() -> None:
        shown: Place = st.session_state["shown-place"]
        try:
            content = api().content(shown.knowledge_base_id, shown.document_id)
        except ApiError as error:
            if error.status == 404:
                _draw_lost("source.gone", shown.quote)
            else:
                show_error(error, "source")
            return
        found = _found_again(shown, content.text)
        if found is None:
            _draw_lost("source.changed", shown.quote)
        _draw(content, found or replace(shown, start=0, end=0, heading_path=(), quote=""))

    drawer()


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


def _draw(content: DocumentContent, place: Place) -> None:
    say, document = texts(), content.document
    at = _chunk_at(content.chunks, place)
    st.markdown(f"**{plain_label(document.title or document.path)}**")
    heading = place.heading_path or (tuple(content.chunks[at].heading_path) if at is not None else ())
    st.caption(plain_label(" › ".join([document.path, *heading])))
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="source-actions"):
        _draw_step(content, place, at, -1)
        _draw_step(content, place, at, 1)
        if document.url.startswith(("http://", "https://")):
            st.link_button(say("source.original"), document.url, icon=":material/open_in_new:")
        st.link_button(
            say("source.download"), f"/files/{document.knowledge_base_id}/{document.id}", icon=":material/download:"
        )
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
        say(f"source.{name}"), key=f"source-{name}", icon=icon, disabled=not there, on_click=_show_chunk,
        args=(place, content.chunks[target] if there and target is not None else None),
    )  # fmt: skip


def _show_chunk(place: Place, chunk: Chunk | None) -> None:
    if chunk is not None:
        st.session_state["shown-place"] = replace(
            place, start=chunk.start, end=chunk.end, heading_path=tuple(chunk.heading_path), quote=""
        )


def _chunk_at(chunks: list[Chunk], place: Place) -> int | None:
    """The chunk that holds the passage's beginning, else the last one before it."""
    if not chunks:
        return None
    holding = [index for index, chunk in enumerate(chunks) if chunk.start <= place.start]
    return holding[-1] if holding else 0
