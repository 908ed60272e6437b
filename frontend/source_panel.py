"""The panel beside the page that shows a source at a passage: rendered, as its page or as text, the passage marked, the
citations before and after it, and the way to the original. On a narrow screen it covers the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.components import document_text
from frontend.reading.pages import PAGED, draw_page, turn_to
from frontend.reading.place import Place as Place
from frontend.reading.place import rows_label
from frontend.reading.rendered import draw_rendered, page_label
from frontend.session import api, show_error, texts
from frontend.tools.cited_call import draw_call
from frontend.views import Chunk, DocumentContent

_DRAWN = ("markdown", "table")
WINDOW = 60_000
"""Characters of text shown on either side of the passage; longer documents are cut, and say so."""


def want_source(place: Place, among: Sequence[Place] = ()) -> None:
    """Opens the panel at the next run of the page. `among` are the citations that one can step through."""
    st.session_state["source"] = place
    st.session_state["source-among"] = tuple(among)
    turn_to(None)


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
    shown = found or replace(place, start=0, end=0, heading_path=(), anchor="", quote="")
    at = _chunk_at(content.chunks, shown)
    chunk = content.chunks[at] if at is not None else None
    heading = shown.heading_path or (tuple(chunk.heading_path) if chunk is not None else ())
    page = [page_label(content, chunk.page)] if chunk is not None and chunk.page else []
    page.append(rows_label(shown.anchor))
    base = st.session_state.get("base-names", {}).get(document.knowledge_base_id, "")
    when = document.updated_at.strftime("%Y-%m-%d") if document.updated_at else ""
    st.caption(plain_label(" · ".join(filter(None, [base, document.path, *page, when]))))
    if heading:
        st.caption(plain_label(" › ".join(heading)))
    view = _draw_actions(content, shown, at)
    if found is None:
        _draw_lost("source.changed", place.quote)
    if view == "page" and draw_page(content, shown):
        return
    if content.markup in _DRAWN and view != "raw":
        draw_rendered(content, shown)
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
                    say(f"source.{name}"), icon=f":material/{icon}:", key=f"source-{name}", type="tertiary",
                    help=say(f"source.{name}"), disabled=not 0 <= at + step < len(among), on_click=_show,
                    args=(among[min(max(at + step, 0), len(among) - 1)],),
                )  # fmt: skip
                if step < 0:
                    st.caption(f"{at + 1}/{len(among)}", width="content")
        if st.button(
            say("source.close"), icon=":material/close:", key="source-close", type="tertiary", help=say("source.close")
        ):
            close_source()
            st.rerun()


def _draw_actions(content: DocumentContent, place: Place, at: int | None) -> str:
    """What can be done with the document; gives the view that is chosen."""
    say, document = texts(), content.document
    written = ["rendered", "raw"] if content.markup in _DRAWN else ["raw"]
    views = ["page", *written] if document.media_type == PAGED else written
    view: str | None = views[0]
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="source-actions"):
        if len(views) > 1:
            view = st.segmented_control(
                say("source.view"), views, format_func=lambda name: say(f"source.view_{name}"), default=views[0],
                required=True, key=f"source-view-{len(views)}", label_visibility="collapsed",
            )  # fmt: skip
        _draw_step(content, place, at, -1)
        _draw_step(content, place, at, 1)
        if document.url.startswith(("http://", "https://")):
            st.link_button(say("source.original"), document.url, icon=":material/open_in_new:", type="tertiary")
        st.link_button(
            say("source.download"), f"/files/{document.knowledge_base_id}/{document.id}", icon=":material/download:",
            type="tertiary",
        )  # fmt: skip
    return view or views[0]


def _found_again(place: Place, text: str) -> Place | None:
    """The place where its quote stands now; None when the text no longer holds it."""
    if not place.quote or text[place.start : place.end] == place.quote:
        return place
    at = text.find(place.quote)
    return None if at < 0 else replace(place, start=at, end=at + len(place.quote), heading_path=(), anchor="")


def _draw_lost(reason: str, quote: str) -> None:
    """Says why the cited passage cannot be shown in its place, and what it said."""
    say = texts()
    st.warning(say(reason), icon=":material/history:")
    if quote:
        st.caption(say("source.said"))
        st.code(quote, language=None, wrap_lines=True)


def _draw_raw(content: DocumentContent, place: Place) -> None:
    say, document = texts(), content.document
    before, after = max(0, place.start - WINDOW), min(len(content.text), max(place.end, place.start) + WINDOW)
    document_text(
        content.text[before:after],
        place.start - before,
        place.end - before,
        markup=content.markup,
        first_line=content.text.count("\n", 0, before) + 1,
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
        say(f"source.{name}"), icon=icon, key=f"source-{name}", type="tertiary", help=say(f"source.{name}"),
        disabled=not there, on_click=_show_chunk,
        args=(place, content.chunks[target] if there and target is not None else None),
    )  # fmt: skip


def _show(place: Place) -> None:
    st.session_state["source"] = place
    turn_to(None)


def _show_chunk(place: Place, chunk: Chunk | None) -> None:
    if chunk is not None:
        there = replace(place, start=chunk.start, end=chunk.end, quote="")
        _show(replace(there, heading_path=tuple(chunk.heading_path), anchor=chunk.anchor))


def _chunk_at(chunks: list[Chunk], place: Place) -> int | None:
    """The chunk that holds the passage's beginning, else the last one before it."""
    if not chunks:
        return None
    holding = [index for index, chunk in enumerate(chunks) if chunk.start <= place.start]
    return holding[-1] if holding else 0
