"""Sources of tools: what operators bring, and which of their tools are on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import explain, notify, remember_error, texts
from frontend.tools.api import tools_api
from frontend.tools.editing import draw_source_form
from frontend.tools.fields import draw_command
from frontend.tools.paging import draw_pages, page_start
from frontend.views import Connection, SourceTool, ToolSource

PROGRAM = "mcp_program"
KINDS = ("openapi", "yaml", "mcp", PROGRAM)


def draw_sources() -> None:
    """The sources there are, and a form for another. Raises ApiError."""
    say = texts()
    connections = tools_api().connections()
    names = {each.id: each.name for each in connections}
    sources = tools_api().sources()
    for each in sources:
        _draw(each, names)
    if not sources and connections:
        st.info(say("tools.no_sources", tools=say("tools.part_tools")), icon=":material/extension:")
    if not connections:
        st.info(say("tools.connection_first"), icon=":material/cable:")
    _draw_form(connections)


def _draw(source: ToolSource, names: dict[str, str]) -> None:
    say = texts()
    command = source.command
    place = names.get(source.connection_id or "", "") if command is None else command.command
    with st.container(border=True, key=f"source-{source.id}"):
        st.markdown(f"**{plain_label(source.name)}** · {say(f'tools.kind_{source.kind}')}")
        st.text(say("tools.source_counts", on=source.on, tools=source.tools, refused=source.refused, name=place))
        if source.base_path not in ("", "/"):
            st.caption(say("tools.base_path", path=plain_label(source.base_path)))
        if source.changed:
            st.warning(say("tools.changed", count=source.changed), icon=":material/difference:")
        if source.problem:
            st.error(plain_label(source.problem))
        with st.container(horizontal=True):
            st.button(
                say("tools.turn_off") if source.enabled else say("tools.turn_on"), key=f"enabled-{source.id}",
                on_click=_change, args=(source.id, {"enabled": not source.enabled}),
            )  # fmt: skip
            if source.kind == "mcp":
                st.button(
                    say("tools.refresh"), key=f"refresh-{source.id}", icon=":material/refresh:", on_click=_change,
                    args=(source.id, {"refresh": True}),
                )  # fmt: skip
            with st.popover(say("action.delete"), icon=":material/delete:", key=f"delete-source-question-{source.id}"):
                st.button(
                    say("action.delete"), key=f"delete-source-{source.id}", type="primary", on_click=_delete,
                    args=(source.id,),
                )  # fmt: skip
        if st.toggle(say("tools.edit"), key=f"edit-{source.id}"):
            draw_source_form(source, names)
        if st.toggle(say("tools.show_tools"), key=f"show-{source.id}"):
            _draw_tools(source)


def _draw_tools(source: ToolSource) -> None:
    say = texts()
    query = st.text_input(say("tools.search"), key=f"search-{source.id}", icon=":material/search:")
    key = f"tools-{source.id}"
    start = page_start(key, query)
    found = tools_api().source_tools(source.id, query, start)
    for each in found.items:
        _draw_tool(source, each)
    draw_pages(key, start, len(found.items), found.total)
    if found.refusals:
        with st.expander(say("tools.refusals", count=len(found.refusals))):
            st.dataframe(found.refusals, hide_index=True)


def _draw_tool(source: ToolSource, tool: SourceTool) -> None:
    say = texts()
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"{tool.name} · {tool.method} {tool.path} · {say(f'tools.risk_{tool.risk}')}"
        st.text(label, width="stretch")
        if tool.state == "changed":
            st.badge(say("tools.state_changed"), color="orange")
        is_on = tool.state == "on"
        st.button(
            say("tools.turn_off") if is_on else say("tools.turn_on"), key=f"on-{source.id}-{tool.name}",
            on_click=_change, args=(source.id, {"tools": {tool.name: {"on": not is_on}}}),
        )  # fmt: skip


def is_http(connection: Connection) -> bool:
    """Whether what a source describes can be called at this connection: databases speak protocols of their own."""
    return connection.base_url.partition(":")[0].lower() in ("", "http", "https")


def _change(source_id: str, body: dict[str, Any]) -> None:
    try:
        tools_api().change_source(source_id, body)
    except ApiError as error:
        remember_error(error)


def _delete(source_id: str) -> None:
    try:
        tools_api().delete_source(source_id)
    except ApiError as error:
        remember_error(error)
    else:
        notify(texts()("tools.source_deleted"))


def _draw_form(connections: list[Connection]) -> None:
    say = texts()
    st.subheader(say("tools.add_source"), anchor=False)
    run = st.session_state.setdefault("source-form", 0)
    connections = [each for each in connections if is_http(each)]
    kinds = KINDS if connections else (PROGRAM,)
    kind = st.selectbox(say("tools.kind"), kinds, format_func=lambda name: say(f"tools.kind_{name}"), key=f"sk-{run}")
    names = {each.id: each.name for each in connections}
    with st.form(f"add-source-{run}", border=True):
        name = st.text_input(say("tools.name"), max_chars=40, key=f"source-name-{run}")
        body: dict[str, Any] = {"kind": "mcp" if kind == PROGRAM else kind}
        if kind == PROGRAM:
            body["command"] = draw_command(None, str(run))
        else:
            body["connection_id"] = st.selectbox(
                say("tools.connection"), list(names), format_func=names.__getitem__, key=f"sc-{run}"
            )
        if kind in ("mcp", PROGRAM):
            body["trusted"] = st.checkbox(say("tools.trusted"), key=f"trusted-{run}", help=say("tools.trusted_help"))
        else:
            url = st.text_input(say("tools.document_url"), key=f"source-url-{run}") if kind == "openapi" else ""
            text = st.text_area(say("tools.document_text"), key=f"source-text-{run}")
            body |= {"url": url.strip(), "definition": "" if url.strip() else text}
        if not st.form_submit_button(say("tools.add"), type="primary", icon=":material/add:"):
            return
    try:
        with st.spinner(say("tools.reading")):
            made = tools_api().create_source({**body, "name": name.strip()})
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        return
    st.session_state["source-form"] += 1
    notify(say("tools.source_added", on=made.on, tools=made.tools))
    st.rerun()
