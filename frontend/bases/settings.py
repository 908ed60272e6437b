"""The settings of a base: its name, its embedders, its sources, and its end."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import api, explain, notify, remember_error, shown_errors, texts
from frontend.views import KnowledgeBase, Source


def draw_settings(base: KnowledgeBase) -> None:
    """Everything about a base that can be changed."""
    with shown_errors("settings"):
        _draw_name(base)
        _draw_embedders(base)
        _draw_sources(base)
    _draw_end(base)


def _draw_name(base: KnowledgeBase) -> None:
    say = texts()
    with st.form("base-name", border=False):
        name = st.text_input(say("build.name"), value=base.name, max_chars=200, key=f"base-name-{base.id}")
        description = st.text_area(
            say("settings.description"), value=base.description, max_chars=10_000, height=90,
            key=f"base-description-{base.id}", placeholder=say("settings.description_hint"),
        )  # fmt: skip
        given = {"name": name.strip() or base.name, "description": description.strip()}
        if st.form_submit_button(say("action.save")) and given != {"name": base.name, "description": base.description}:
            _change(base, say("settings.saved"), **given)


def _draw_embedders(base: KnowledgeBase) -> None:
    say = texts()
    there = api().embedders()
    names = [each.name for each in there]
    current = base.next_embedders if base.next_embedders is not None else base.embedders
    languages = {each.name: ", ".join(each.languages) for each in there}
    with st.form("base-embedders", border=False):
        chosen = st.multiselect(
            say("settings.embedders"), [*names, *(name for name in current if name not in names)], default=current,
            format_func=lambda name: f"{name} ({languages[name]})" if languages.get(name) else name,
            help=say("settings.embedders_help"), key=f"base-embedders-{base.id}",
        )  # fmt: skip
        if st.form_submit_button(say("settings.save_embedders")) and chosen != current:
            _change(base, say("settings.embedders_changed"), embedders=chosen)
    if base.next_embedders is not None:
        st.caption(say("settings.switching", names=", ".join(base.next_embedders)))


def _draw_sources(base: KnowledgeBase) -> None:
    say = texts()
    sources = api().sources(base.id)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(say("settings.sources"), anchor=False, width="content")
        if sources:
            st.button(
                say("settings.sync_all"), key="rebuild", icon=":material/sync:", on_click=_act,
                args=("rebuild", base.id), kwargs={"done": say("build.begun")},
            )  # fmt: skip
    if not sources:
        st.caption(say("settings.no_sources"))
    for source in sources:
        _draw_source(base, source)


def _draw_source(base: KnowledgeBase, source: Source) -> None:
    say = texts()
    with st.container(horizontal=True, vertical_alignment="center", key=f"source-row-{source.id}"):
        name = f"**{say.of('source_kind', source.kind)}** {plain_label(source.location)}"
        st.markdown(f"{name} · {say('base.documents_count', count=source.document_count)}", width="stretch")
        if source.kind != "upload":
            st.button(
                say("settings.sync"), key=f"sync-{source.id}", icon=":material/sync:", on_click=_act,
                args=("sync_source", base.id, source.id), kwargs={"done": say("build.begun")},
            )  # fmt: skip
        with st.popover(say("action.delete"), icon=":material/delete:", key=f"delete-source-question-{source.id}"):
            st.markdown(say("settings.delete_source_question", count=source.document_count))
            st.button(
                say("action.delete"), key=f"delete-source-{source.id}", type="primary", on_click=_act,
                args=("delete_source", base.id, source.id), kwargs={"done": say("settings.source_deleted")},
            )  # fmt: skip


def _draw_end(base: KnowledgeBase) -> None:
    say = texts()
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.link_button(
            say("settings.export"), f"/files/{base.id}/export", icon=":material/archive:",
            help=say("settings.export_help"),
        )  # fmt: skip
        _draw_delete(base)


def _draw_delete(base: KnowledgeBase) -> None:
    say = texts()
    with st.popover(say("settings.delete_base"), icon=":material/delete_forever:", key="delete-base-question"):
        st.markdown(say("settings.delete_base_question", name=plain_label(base.name), count=base.document_count))
        if st.button(say("settings.delete_base"), key="delete-base", type="primary"):
            try:
                api().delete_knowledge_base(base.id)
            except ApiError as error:
                st.error(explain(error))
                return
            st.session_state["open-base"] = ""
            notify(say("settings.base_deleted"))
            st.rerun()


def _change(base: KnowledgeBase, done: str, **changes: Any) -> None:
    try:
        api().change_knowledge_base(base.id, **changes)
    except ApiError as error:
        st.error(explain(error))
        return
    notify(done)
    st.rerun()


def _act(action: str, *ids: str, done: str) -> None:
    """Calls the client's function of this name; a callback, so errors are kept for the page."""
    try:
        getattr(api(), action)(*ids)
    except ApiError as error:
        remember_error(error)
    else:
        notify(done)
