"""What may follow a slash, shown while it is typed."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from frontend.client import ApiError
from frontend.components import command_list
from frontend.session import api, texts
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
            found = [_titled(each) for each in api().commands(prefix[:2000])]
        except ApiError:
            found = []  # what is typed can be sent without help
    labels = {"title": say("commands.title"), **{risk: say(f"risk.{risk}") for risk in ("write", "destructive")}}
    command_list(prefix, found, {**labels, "unknown": say("risk.unknown")}, key=KEY)


def _titled(command: Command) -> Command:
    """With a title in the session's language, where the interface has one for it."""
    name = command.text.strip("/ ")
    title = texts().of("command_title", name)
    return command if title == name else replace(command, title=title)
