"""What may follow a slash, shown while it is typed."""

from __future__ import annotations

import streamlit as st

from frontend.client import ApiError
from frontend.components import command_list
from frontend.session import api, language, texts
from frontend.views import Command

KEY = "command-list"


@st.fragment
def suggest_commands() -> None:
    """The suggestions; only this part of the page is run anew while somebody types."""
    say = texts()
    prefix = str((st.session_state.get(KEY) or {}).get("prefix") or "")
    found: list[Command] = []
    if prefix:
        try:
            found = api().commands(prefix[:2000], language())
        except ApiError:
            found = []  # what is typed can be sent without help
    labels = {"title": say("commands.title"), **{risk: say(f"risk.{risk}") for risk in ("write", "destructive")}}
    command_list(prefix, found, {**labels, "unknown": say("risk.unknown")}, key=KEY)
