"""The documents of a base: find, read, delete; why one failed; how one was cut."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import api, explain, notify, remember_error, shown_errors, texts
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
            st.caption(say("documents.none_found") if words or status else say("documents.none"))
            return
        chosen = _draw_table(page.items)
        _draw_paging(page.next_cursor, cursors)
        if chosen is not None:
            _draw_chosen(base, chosen)


def forget_paging() -> None:
    """Begins anew: another base is shown."""
    for key in ("documents-cursors", "documents-search", "documents-status"):
        st.session_state.pop(key, None)


def _draw_table(documents: list[Document]) -> Document | None:
    say = texts()
    rows = [
        {
            say("documents.path"): each.path,
            say("documents.title"): each.title,
            say("documents.status"): say.of("document_status", each.status),
            say("documents.chunks"): each.chunk_count,
            say("documents.language"): each.language,
            say("documents.size"): _size(each.size),
            say("jobs.reason"): each.error or "; ".join(each.warnings),
        }
        for each in documents
    ]
    stamp = documents[0].id  # another page is another table, with nothing selected
    event = st.dataframe(
        rows, hide_index=True, key=f"documents-{stamp}", on_select="rerun", selection_mode="single-row",
        alt=say("base.documents"),
    )  # fmt: skip
    selected = event.selection.rows
    return documents[selected[0]] if selected and selected[0] < len(documents) else None


def _draw_paging(following: str | None, cursors: list[str]) -> None:
    say = texts()
    if len(cursors) < 2 and following is None:
        return
    with st.container(horizontal=True):
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
            st.error(document.error, icon=":material/error:")
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
            with st.popover(say("action.delete"), icon=":material/delete:", key="delete-document-question"):
                st.markdown(say("documents.delete_question", path=plain_label(document.path)))
                st.button(
                    say("action.delete"), key="delete-document", type="primary", on_click=_delete,
                    args=(base.id, document.id),
                )  # fmt: skip
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


def _delete(base_id: str, document_id: str) -> None:
    try:
        api().delete_document(base_id, document_id)
    except ApiError as error:
        remember_error(error)
    else:
        notify(texts()("documents.deleted"))


def _previous_page() -> None:
    st.session_state["documents-cursors"].pop()


def _first_page() -> None:
    st.session_state["documents-cursors"] = [""]


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} kB" if size < 1024**2 else f"{size / 1024**2:.1f} MB"
