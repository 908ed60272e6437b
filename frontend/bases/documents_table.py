"""The table of documents: what each is, how long, how large and how old; several can be chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.bases.api import bases_api
from frontend.client import ApiError
from frontend.session import notify, problem_in_words, remember_error, texts
from frontend.views import Document, KnowledgeBase


def draw_table(documents: Sequence[Document]) -> list[Document]:
    """The table; gives the documents chosen in it."""
    say = texts()
    rows = [
        {
            say("documents.path"): each.path,
            say("documents.title"): each.title,
            say("documents.status"): say.of("document_status", each.status),
            say("documents.changed"): each.updated_at,
            say("documents.pages"): str(each.page_count or ""),
            say("documents.size"): size_of(each.size),
            say("documents.chunks"): each.chunk_count,
            say("documents.language"): say.of("language", each.language),
            say("jobs.reason"): _reason(each),
        }
        for each in documents
    ]
    run = st.session_state.get("documents-run", 0)
    stamp = f"{documents[0].id}-{len(documents)}-{run}"  # another page is another table, with nothing chosen
    event = st.dataframe(
        rows, hide_index=True, key=f"documents-{stamp}", on_select="rerun", selection_mode="multi-row",
        alt=say("base.documents"),
        column_config={
            say("documents.path"): st.column_config.TextColumn(width="medium"),
            say("documents.changed"): st.column_config.DatetimeColumn(format="YYYY-MM-DD", width="small"),
        },
    )  # fmt: skip
    return [documents[row] for row in event.selection.rows if row < len(documents)]


def _reason(document: Document) -> str:
    """Why it failed, or what was left out of it."""
    failed = document.error and problem_in_words(document.error_code, document.error)
    return failed or "; ".join(document.warnings)


def draw_bulk_actions(base: KnowledgeBase, chosen: Sequence[Document]) -> None:
    """What can be done with several documents at once."""
    say = texts()
    ids = [each.id for each in chosen]
    with st.container(horizontal=True, vertical_alignment="center", key="bulk-actions"):
        st.markdown(say("documents.chosen", count=len(ids)), width="content")
        st.button(
            say("documents.reread"), key="reread-documents", icon=":material/refresh:", on_click=_reread,
            args=(base.id, ids), help=say("documents.reread_help"),
        )  # fmt: skip
        with st.popover(say("action.delete"), icon=":material/delete:", key="delete-documents-question"):
            st.markdown(say("documents.delete_several", count=len(ids)))
            st.button(
                say("action.delete"), key="delete-documents", type="primary", on_click=_delete, args=(base.id, ids)
            )


def _reread(base_id: str, ids: Sequence[str]) -> None:
    try:
        bases_api().reread_documents(base_id, ids)
    except ApiError as error:
        remember_error(error)
    else:
        _choose_none()
        notify(texts()("build.begun"))


def _delete(base_id: str, ids: Sequence[str]) -> None:
    try:
        count = bases_api().delete_documents(base_id, ids)
    except ApiError as error:
        remember_error(error)
    else:
        _choose_none()
        notify(texts()("documents.deleted_several", count=count))


def _choose_none() -> None:
    st.session_state["documents-run"] = st.session_state.get("documents-run", 0) + 1


def size_of(size: int) -> str:
    """`512 B`, `12 kB`, `3.4 MB`."""
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} kB" if size < 1024**2 else f"{size / 1024**2:.1f} MB"
