"""The documents of a base: find, read, delete; why one failed; how one was cut."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.documents_table import draw_bulk_actions, draw_table
from frontend.client import ApiError
from frontend.session import api, explain, problem_in_words, shown_errors, texts
from frontend.source_panel import Place, want_source
from frontend.views import Document, KnowledgeBase

PAGE = 50
STATUSES = ("indexed", "received", "failed")


def draw_documents(base: KnowledgeBase) -> None:
    """A page of the documents, with what can be done with the one chosen."""
    say = texts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            say("documents.search"), key="documents-search", type="search", live=True, on_change=_first_page,
            label_visibility="collapsed", placeholder=say("documents.search"),
        )  # fmt: skip
        status = st.segmented_control(
            say("documents.status"), STATUSES, key="documents-status", on_change=_first_page,
            format_func=lambda name: say(f"document_status.{name}"), label_visibility="collapsed",
        )  # fmt: skip
    cursors: list[str] = st.session_state.setdefault("documents-cursors", [""])
    with shown_errors("documents"):
        page = api().documents(base.id, words=words or "", status=status or "", cursor=cursors[-1], limit=PAGE)
        if not page.items:
            none = "documents.coming" if base.active_job_id else "documents.none"
            st.caption(say("documents.none_found" if words or status else none))
            return
        chosen = draw_table(page.items)
        _draw_paging(page.next_cursor, cursors, base, len(page.items))
        if chosen:
            draw_bulk_actions(base, chosen)
        if len(chosen) == 1:
            _draw_chosen(base, chosen[0])


def forget_paging() -> None:
    """Begins anew: another base is shown."""
    for key in ("documents-cursors", "documents-search", "documents-status"):
        st.session_state.pop(key, None)


def _draw_paging(following: str | None, cursors: list[str], base: KnowledgeBase, shown: int) -> None:
    say = texts()
    if len(cursors) < 2 and following is None:
        return
    first = (len(cursors) - 1) * PAGE + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            say("documents.range", first=first, last=first + shown - 1, count=base.document_count), width="content"
        )
        st.button(say("page.previous"), key="documents-previous", disabled=len(cursors) < 2, on_click=_previous_page)
        st.button(
            say("page.next"), key="documents-next", disabled=following is None, on_click=cursors.append,
            args=(following,),
        )  # fmt: skip


def _draw_chosen(base: KnowledgeBase, document: Document) -> None:
    say = texts()
    with st.container(border=True, key="chosen-document"):
        st.markdown(f"**{plain_label(document.title or document.path)}**")
        if document.error:
            st.error(problem_in_words(document.error_code, document.error), icon=":material/error:")
        for warning in document.warnings:
            st.warning(warning)
        with st.container(horizontal=True):
            place = Place(knowledge_base_id=base.id, document_id=document.id)
            st.button(
                say("documents.read"), key="read-document", icon=":material/description:", on_click=want_source,
                args=(place,), disabled=document.status == "failed",
            )  # fmt: skip
            st.link_button(say("source.download"), f"/files/{base.id}/{document.id}", icon=":material/download:")
            if document.url.startswith(("http://", "https://")):
                st.link_button(say("source.original"), document.url, icon=":material/open_in_new:")
        if document.chunk_count:
            _draw_chunks(base, document)


def _draw_chunks(base: KnowledgeBase, document: Document) -> None:
    say = texts()
    title = say("documents.chunks_of", count=document.chunk_count)
    section = st.expander(title, key=f"chunks-{document.id}", on_change="rerun")
    if not section.open:
        return
    with section:
        try:
            chunks = api().content(base.id, document.id).chunks
        except ApiError as error:
            st.error(explain(error))
            return
        for chunk in chunks[:200]:
            st.caption(
                plain_label(f"{chunk.ordinal + 1} · {' › '.join(chunk.heading_path)} · {chunk.start}-{chunk.end}")
            )
            st.code(chunk.text, language=None, wrap_lines=True)
        if len(chunks) > 200:
            st.caption(say("documents.chunks_cut", count=len(chunks) - 200))


def _previous_page() -> None:
    st.session_state["documents-cursors"].pop()


def _first_page() -> None:
    st.session_state["documents-cursors"] = [""]
