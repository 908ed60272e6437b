"""A PDF as its pages, the passage marked where it stands, with a step to the page before and after."""

from __future__ import annotations

from bisect import bisect_right

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.components import page_picture
from frontend.reading.place import Place
from frontend.session import api, explain, texts
from frontend.views import DocumentContent, DocumentPage

PAGED = "application/pdf"


def page_of(content: DocumentContent, place: Place) -> int:
    """The number of the page that the place begins on."""
    return max(1, bisect_right([page.start for page in content.pages], place.start))


def draw_page(content: DocumentContent, place: Place) -> bool:
    """The page of the place, or the one turned to; False, with a sentence that says why, when it cannot be drawn."""
    document = content.document
    try:
        page = _wanted(content, place)
    except ApiError as error:
        st.caption(f"{texts()('source.no_page')} {plain_label(explain(error))}")
        return False
    _draw_steps(page)
    page_picture(
        f"/pages/{document.knowledge_base_id}/{document.id}/{page.number}?v={document.content_hash[:16]}",
        page,
        alt=texts()("source.page_alt", page=page.number, title=document.title or document.path),
        failed=texts()("source.no_page"),
        zoom=texts()("source.zoom"),
        key="source-picture",
    )
    return True


def turn_to(number: int | None) -> None:
    """Shows the page of this number instead of that of the passage; None, that of the passage again."""
    st.session_state["source-turned"] = number


def _wanted(content: DocumentContent, place: Place) -> DocumentPage:
    document = content.document
    number = st.session_state.get("source-turned") or page_of(content, place)

    def read(number: int) -> DocumentPage:
        return api().document_page(document.knowledge_base_id, document.id, number, place.start, place.end)

    page = read(number)
    if place.end > place.start and not page.boxes and number < page.count and not st.session_state.get("source-turned"):
        following = read(number + 1)  # a sentence over a page's end is kept whole in the text
        return following if following.boxes else page
    return page


def _draw_steps(page: DocumentPage) -> None:
    say = texts()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="source-pages", wrap=False):
        for step, name, icon in ((-1, "page_before", "arrow_back"), (1, "page_after", "arrow_forward")):
            st.button(
                say(f"source.{name}"), icon=f":material/{icon}:", key=f"source-{name}", type="tertiary",
                help=say(f"source.{name}"),
                disabled=not 1 <= page.number + step <= page.count, on_click=turn_to, args=(page.number + step,),
            )  # fmt: skip
            if step < 0:
                st.caption(say("source.page_of", page=page.number, count=page.count), width="content")
