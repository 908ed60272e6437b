"""Choices that the address holds by their stable names, so that a link means the same in every language."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st


def in_address(key: str, options: Collection[str], default: str, *, stays: bool = False) -> dict[str, Any]:
    """The arguments of a widget whose choice the address holds under `key`. What the address says anew is chosen, what
    it does not know is `default`; a choice of the person's is written there. Streamlit's own binding would write the
    label, another one in the next language. With `stays` an address that says nothing leaves what was chosen."""
    state, asked = st.session_state, str(st.query_params.get(key, ""))
    if key not in state or (asked != state.get(_seen(key)) and (asked or not stays)):
        state[key] = asked if asked in options else default
    state[_seen(key)] = asked
    return {"key": key, "on_change": _keep, "args": (key, default)}


def _keep(key: str, default: str) -> None:
    chosen = str(st.session_state[key] or default)
    if chosen != default:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)
    st.session_state[_seen(key)] = str(st.query_params.get(key, ""))


def _seen(key: str) -> str:
    return f"{key}-in-address"
