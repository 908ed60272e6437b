"""Connections: a form for each kind of platform, a test that says what is wrong, and their end."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import explain, language, notify, problem_in_words, remember_error, texts
from frontend.tools.api import tools_api
from frontend.tools.editing import draw_connection_form
from frontend.tools.fields import FIELDS, draw_field
from frontend.views import Connection, ConnectionKind, ConnectionTest


def draw_connections() -> None:
    """The connections there are, and a form for another. Raises ApiError."""
    say = texts()
    kinds = {each.kind: each for each in tools_api().kinds()}
    connections = tools_api().connections()
    for each in connections:
        _draw(each, kinds.get(each.kind))
    if not connections:
        st.info(say("tools.no_connections"), icon=":material/cable:")
    _draw_form(kinds)


def _draw(connection: Connection, kind: ConnectionKind | None) -> None:
    say = texts()
    with st.container(border=True, key=f"connection-{connection.id}"):
        title = kind.title.get(language(), connection.kind) if kind else connection.kind
        st.markdown(f"**{plain_label(connection.name)}** · {plain_label(title)}")
        private = say("tools.private") if connection.allow_private else say("tools.public")
        auth = say(f"tools.auth_{connection.auth.get('kind', 'none')}")
        st.text(f"{connection.base_url} · {auth} · {private}")
        with st.container(horizontal=True):
            if st.button(say("models.test"), key=f"test-{connection.id}", icon=":material/network_check:"):
                _test(connection.id)
            with st.popover(say("action.delete"), icon=":material/delete:", key=f"delete-question-{connection.id}"):
                st.markdown(say("tools.delete_connection", name=plain_label(connection.name)))
                st.button(
                    say("action.delete"), key=f"delete-{connection.id}", type="primary", on_click=_delete,
                    args=(connection.id,),
                )  # fmt: skip
        if st.toggle(say("tools.edit"), key=f"edit-{connection.id}"):
            draw_connection_form(connection, kind)
        tested = st.session_state.get("connection-tests", {}).get(connection.id)
        if tested is not None:
            (st.success if tested[0] else st.error)(tested[1])


def _test(connection_id: str) -> None:
    with st.spinner(texts()("models.testing")):
        try:
            found = tools_api().test_connection(connection_id)
            took = f" ({found.latency_ms:.0f} ms)" if found.latency_ms is not None else ""
            result = (found.ok, f"{_in_words(found)}{took}")
        except ApiError as error:
            result = (False, explain(error))
    st.session_state.setdefault("connection-tests", {})[connection_id] = result


def _in_words(found: ConnectionTest) -> str:
    """What the test came to, in the session's language as far as the interface has words for its cause."""
    say, said = texts(), plain_label(found.message)
    if say.of("connection_test", found.cause) == found.cause:
        return problem_in_words(found.cause, found.message) if found.cause else said
    fields = {"place": plain_label(found.place), "answer": plain_label(found.answer), "detail": said}
    return say(f"connection_test.{found.cause}", allow_private=say("tools.allow_private"), **fields)


def _delete(connection_id: str) -> None:
    try:
        tools_api().delete_connection(connection_id)
    except ApiError as error:
        remember_error(error)
    else:
        notify(texts()("tools.connection_deleted"))


def _draw_form(kinds: dict[str, ConnectionKind]) -> None:
    say = texts()
    st.subheader(say("tools.add_connection"), anchor=False)
    run = st.session_state.setdefault("connection-form", 0)
    names = {each.kind: each.title.get(language(), each.kind) for each in kinds.values()}
    chosen = st.selectbox(say("tools.platform"), list(names), format_func=names.__getitem__, key=f"kind-{run}")
    kind = kinds[chosen]
    st.caption(plain_label(kind.description.get(language(), "")))
    st.caption(say("tools.permissions", text=plain_label(kind.permissions.get(language(), ""))))
    auth = st.selectbox(
        say("tools.sign_in"), kind.auth, format_func=lambda name: say(f"tools.auth_{name}"), key=f"auth-{run}-{chosen}"
    )
    with st.form(f"add-connection-{run}", border=True):
        name = st.text_input(say("tools.name"), value=chosen, max_chars=100, key=f"name-{run}-{chosen}")
        base_url = st.text_input(say("tools.address"), key=f"url-{run}", placeholder=kind.example_url)
        given = {each: draw_field(each, secret, f"{run}-{auth}") for each, secret in FIELDS.get(auth, ())}
        ca, kubeconfig = "", ""
        if chosen == "kubernetes":
            kubeconfig = st.text_area(
                say("tools.kubeconfig"), key=f"kubeconfig-{run}", help=say("tools.kubeconfig_help")
            )
        with st.expander(say("tools.certificates")):
            ca = st.text_area(say("tools.ca"), key=f"ca-{run}")
            certificate = st.text_area(say("tools.certificate"), key=f"certificate-{run}")
            private_key = st.text_area(say("tools.certificate_key"), key=f"tls-key-{run}")
        allow = st.checkbox(say("tools.allow_private"), key=f"private-{run}", help=say("tools.allow_private_help"))
        if not st.form_submit_button(say("tools.add"), type="primary", icon=":material/add:"):
            return
    tls = {"ca": ca.strip(), "certificate": certificate.strip(), "key": private_key.strip()}
    body: dict[str, Any] = {"kind": chosen, "name": name.strip(), "base_url": base_url.strip(), "allow_private": allow}
    if kubeconfig.strip():
        body["kubeconfig"] = kubeconfig
    else:
        body |= {"auth": {"kind": auth, **{each: value for each, value in given.items() if value}}, "tls": tls}
    _add(body)


def _add(body: dict[str, Any]) -> None:
    try:
        made = tools_api().create_connection(body)
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        return
    _test(made.id)
    st.session_state["connection-form"] += 1  # a new form is an empty form, and lets go of what was secret
    notify(texts()("tools.connection_added"))
    st.rerun()
