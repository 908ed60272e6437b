"""What has become of a run: read when it is looked at, looked at again while it waits."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from frontend.client import ApiError
from frontend.run_state import RunState, run_states
from frontend.run_stream import RunStream, read_events
from frontend.session import api

LOOK_EVERY_S = 2.0
"""How soon what was decided in another window is seen here."""


def state_of(run_id: str) -> RunState:
    """The run as far as it has come. Raises ApiError."""
    state = run_states().setdefault(run_id, RunState())
    if not state.ended:
        for event in read_events(api(), run_id, after=state.last_event_id, until=api().run(run_id).last_event_id):
            state.apply(event)
    return state


def follow(run_id: str, state: RunState) -> Iterator[None]:
    """Takes what comes into the state, a beat at least once a second, until the run has ended, waits, or asks something
    else. One that is known to have ended has nothing to come, whatever an older look at it said. Raises ApiError."""
    shown = state.trace.pending
    if state.ended:
        return
    with RunStream(api(), run_id, state.last_event_id) as following:
        for events in following:
            for event in events:
                state.apply(event)
            yield
            if state.waiting or state.trace.pending != shown:
                return


def watch(run_id: str, state: RunState) -> None:
    """Reruns the page as soon as the run has gone on."""

    @st.fragment(run_every=LOOK_EVERY_S)
    def look() -> None:
        try:
            run = api().run(run_id)
        except ApiError:
            return  # an API that is away is looked for again
        if run.last_event_id > state.last_event_id:
            st.rerun()

    look()
