"""Changing a connection and a source: only what is typed anew is sent, and secrets are typed anew or kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from frontend.client import ApiError
from frontend.session import explain, notify, texts
from frontend.tools.api import tools_api
from frontend.tools.fields import FIELDS, draw_command, draw_field
from frontend.views import Connection, ConnectionKind, ToolSource


def draw_connection_form(connection: Connection, kind: ConnectionKind | None) -> None:
    """A form for what a connection is; how it signs in is changed only where that is wanted."""
    say, key = texts(), f"edit-{connection.id}-{st.session_state.get(f'edits-{connection.id}', 0)}"
    anew = st.checkbox(say("tools.sign_in_anew"), key=f"anew-{key}", help=say("tools.sign_in_anew_help"))
    auth = "none"
    if anew:
        ways = list(kind.auth) if kind is not None else ["none"]
        auth = st.selectbox(
            say("tools.sign_in"), ways, format_func=lambda name: say(f"tools.auth_{name}"), key=f"auth-{key}"
        )
    with st.form(f"form-{key}", border=False):
        name = st.text_input(say("tools.name"), value=connection.name, max_chars=100, key=f"name-{key}")
        base_url = st.text_input(say("tools.address"), value=connection.base_url, key=f"url-{key}")
        given = {each: draw_field(each, secret, f"{key}-{auth}") for each, secret in FIELDS.get(auth, ()) if anew}
        allow = st.checkbox(say("tools.allow_private"), value=connection.allow_private, key=f"private-{key}")
        with st.container(horizontal=True):
            limits: dict[str, tuple[float, float, float]] = {
                "timeout_s": (connection.timeout_s, 1.0, 600.0),
                "concurrency": (connection.concurrency, 1, 64),
                "per_minute": (connection.per_minute, 1, 60_000),
            }
            now = {
                each: st.number_input(
                    say(f"tools.{each}"), value=value, min_value=type(value)(least), max_value=type(value)(most),
                    key=f"{each}-{key}",
                )
                for each, (value, least, most) in limits.items()
            }  # fmt: skip
        if not st.form_submit_button(say("action.save"), type="primary"):
            return
    body: dict[str, Any] = {"name": name.strip(), "base_url": base_url.strip(), "allow_private": allow, **now}
    before = {each: getattr(connection, each) for each in body}
    body = {each: value for each, value in body.items() if value != before[each]}
    if anew:
        body["auth"] = {"kind": auth, **{each: value for each, value in given.items() if value}}
    _save(lambda: tools_api().change_connection(connection.id, body), f"edits-{connection.id}")


def draw_source_form(source: ToolSource, connections: Mapping[str, str]) -> None:
    """A form for what a source is called, and what it is read from."""
    say, key = texts(), f"edit-{source.id}-{st.session_state.get(f'edits-{source.id}', 0)}"
    body: dict[str, Any] = {}
    with st.form(f"form-{key}", border=False):
        name = st.text_input(say("tools.name"), value=source.name, max_chars=40, key=f"name-{key}")
        if source.command is not None:
            command = draw_command(source.command, key)
        else:
            known = list(connections)
            at = known.index(source.connection_id) if source.connection_id in known else 0
            connection = st.selectbox(
                say("tools.connection"), known, index=at, format_func=connections.__getitem__, key=f"connection-{key}"
            )
            if connection and connection != source.connection_id:
                body["connection_id"] = connection
        if source.kind != "mcp":
            url = st.text_input(say("tools.document_url"), key=f"url-{key}") if source.kind == "openapi" else ""
            text = st.text_area(say("tools.document_text_anew"), key=f"text-{key}")
            body |= {"url": url.strip()} if url.strip() else {"definition": text} if text.strip() else {}
        if not st.form_submit_button(say("action.save"), type="primary"):
            return
    if name.strip() != source.name:
        body["name"] = name.strip()
    if source.command is not None and command is not None:
        body["command"] = command
    _save(lambda: tools_api().change_source(source.id, body), f"edits-{source.id}")


def _save(change: Callable[[], object], edits: str) -> None:
    try:
        with st.spinner(texts()("tools.reading")):
            change()
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        return
    st.session_state[edits] = st.session_state.get(edits, 0) + 1  # a new form lets go of what was secret
    notify(texts()("tools.changes_saved"))
    st.rerun()
