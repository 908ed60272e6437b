"""The network of sessions: asked for when one is opened, and told of afterwards."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.sandbox.views import SandboxNetwork, SandboxSession, SandboxStatus
from frontend.session import api, notify, remember_error, texts

PACKAGES = "packages"
SHOWN_REQUESTS = 50


def draw_opening(status: SandboxStatus) -> None:
    """A session with a network, where the administrator lets sessions have one."""
    say, offer = texts(), status.network
    choices = [*([PACKAGES] if offer.packages else []), *offer.hosts]
    if not choices:
        st.caption(say("sandbox.network_none"))
        return
    with st.expander(say("sandbox.network_open"), icon=":material/lan:", key="sandbox-network"):
        chosen = st.multiselect(
            say("sandbox.network_hosts"),
            choices,
            key="sandbox-hosts",
            format_func=lambda name: say("sandbox.network_packages") if name == PACKAGES else name,
        )
        st.button(say("sandbox.network_start"), key="sandbox-open", disabled=not chosen, on_click=_open)


def _open() -> None:
    """Opens the session and chooses it for the code to come."""
    try:
        opened = api().create_sandbox_session(st.session_state["sandbox-hosts"])
    except ApiError as error:
        remember_error(error)
        return
    st.session_state["sandbox-chosen"] = opened.id
    notify(texts()("sandbox.network_opened", name=opened.id[-6:]))


def session_name(session: SandboxSession) -> str:
    """The end of its id, and whether it has a network."""
    say, name = texts(), session.id[-6:]
    return say("sandbox.session_with_network", name=name) if session.network else name


def draw_requests(network: SandboxNetwork) -> None:
    """What a session may reach, and what it asked for. Names are the session's own words, so they stand as data."""
    say = texts()
    st.caption(
        say(
            "sandbox.network_sums",
            hosts=plain_label(", ".join(network.hosts)),
            total=network.total,
            refused=network.refused,
            sent=f"{network.sent:,}",
            received=f"{network.received:,}",
        )
    )
    if network.items:
        columns = ("time", "host", "decision", "sent", "received")
        rows = [
            (
                f"{each.started_at:%H:%M:%S}",
                f"{each.method} {each.host}:{each.port}",
                say.of("sandbox.network_reason", each.reason) if each.reason else say("sandbox.network_allowed"),
                each.sent,
                each.received,
            )
            for each in network.items[:SHOWN_REQUESTS]
        ]
        heads = [say(f"sandbox.network_column_{name}") for name in columns]
        st.dataframe([dict(zip(heads, row, strict=True)) for row in rows], hide_index=True)
