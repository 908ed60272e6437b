"""Runs: every question that was worked on; one of them with its timeline, its decisions and its figures."""

import streamlit as st

from frontend.client import ApiError
from frontend.runs.detail import draw_run
from frontend.runs.listing import draw_runs
from frontend.session import api, show_error, texts

say = texts()


def leave() -> None:
    st.query_params.pop("run", None)


asked = str(st.query_params.get("run", ""))
try:
    if asked:
        st.button(say("runs.back"), key="all-runs", icon=":material/arrow_back:", type="tertiary", on_click=leave)
        draw_run(api().run(asked))
    else:
        draw_runs()
except ApiError as error:
    if error.status == 404 and asked:
        st.info(say("runs.gone"), icon=":material/search_off:")
    else:
        show_error(error, "runs")
