"""Tools: the platforms that are connected, where tools come from, what may be called, and what was."""

import streamlit as st

from frontend.address import in_address
from frontend.client import ApiError
from frontend.session import show_error, texts
from frontend.tools.connections import draw_connections
from frontend.tools.listing import draw_tools
from frontend.tools.record import draw_record
from frontend.tools.sources import draw_sources

say = texts()
PARTS = {"connections": draw_connections, "sources": draw_sources, "tools": draw_tools, "record": draw_record}

st.title(say("page.tools"), anchor=False)
st.markdown(say("tools.intro"))
part = st.segmented_control(
    say("page.tools"),
    list(PARTS),
    format_func=lambda name: say(f"tools.part_{name}"),
    required=True,
    label_visibility="collapsed",
    **in_address("part", PARTS, "connections"),
)
try:
    PARTS[part or "connections"]()
except ApiError as problem:
    show_error(problem, "tools")
