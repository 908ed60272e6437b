"""Phases: the ways in which a question is worked on; what they are, and how to write one."""

import streamlit as st

from frontend.client import ApiError
from frontend.phases.detail import draw_phase
from frontend.phases.drafts import current_draft
from frontend.phases.editor import draw_editor
from frontend.phases.listing import draw_phases, open_phase
from frontend.session import api, show_error, texts

say = texts()
asked = str(st.query_params.get("phase", ""))
draft = current_draft()
try:
    if draft is not None:
        draw_editor(draft)
    elif asked:
        st.button(
            say("phases.back"), key="all-phases", icon=":material/arrow_back:", type="tertiary", on_click=open_phase,
            args=("",),
        )  # fmt: skip
        draw_phase(api().phase(asked))
    else:
        draw_phases(api().phases())
except ApiError as error:
    if error.status == 404 and asked:
        st.info(say("phases.gone"), icon=":material/search_off:")
    else:
        show_error(error, "phases")
