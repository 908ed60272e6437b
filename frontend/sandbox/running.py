"""Runs code for the person at the browser, in a session that the browser keeps and opens again when it has ended."""

from __future__ import annotations

import time

import streamlit as st

from frontend.client import ApiError
from frontend.sandbox.views import SandboxRun, SandboxStatus
from frontend.session import api

STATUS_KEPT_S = 30.0
_GONE = ("not_found", "session_lost")


def sandbox_status() -> SandboxStatus | None:
    """What the API says of the sandbox, asked again after half a minute; None where it says nothing."""
    kept = st.session_state.get("sandbox-status")
    if kept is None or time.monotonic() - kept[0] > STATUS_KEPT_S:
        try:
            kept = (time.monotonic(), api().sandbox_status())
        except ApiError:
            kept = (time.monotonic(), None)
        st.session_state["sandbox-status"] = kept
    status: SandboxStatus | None = kept[1]
    return status


def run_code(name: str, code: str, language: str, session_id: str = "") -> tuple[str, SandboxRun]:
    """Run it in the session kept under this name, or in the one given. Raises ApiError."""
    sessions = st.session_state.setdefault("sandbox-sessions", {})
    current = session_id or sessions.get(name, "")
    if current:
        try:
            return current, api().run_in_sandbox(current, code, language)
        except ApiError as error:
            if session_id or error.code not in _GONE:
                raise
    sessions[name] = api().create_sandbox_session().id
    return sessions[name], api().run_in_sandbox(sessions[name], code, language)
