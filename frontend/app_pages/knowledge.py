"""Knowledge: the bases, and one of them opened (`?kb=` in the address)."""

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.building import draw_add_form, draw_create_form, draw_import_form, draw_refused
from frontend.bases.documents import draw_documents, forget_paging
from frontend.bases.lab import draw_lab
from frontend.bases.listing import draw_list
from frontend.bases.progress import draw_builds
from frontend.bases.settings import draw_settings
from frontend.bases.state import ask_base, draw_state, open_base
from frontend.client import ApiError
from frontend.session import api, show_error, texts
from frontend.source_panel import draw_wanted_source

SECTIONS = ("documents", "add", "lab", "settings")

say = texts()


def draw_all() -> None:
    st.title(say("page.knowledge"), anchor=False)
    bases = api().knowledge_bases()
    draw_list(bases)
    if not bases:
        st.markdown(say("base.none"))
    st.subheader(say("build.title"), anchor=False)
    draw_create_form()
    draw_import_form()


def draw_base(base_id: str) -> None:
    base = api().knowledge_base(base_id)
    st.button(
        say("base.back"), key="back", type="tertiary", icon=":material/arrow_back:", on_click=open_base, args=("",)
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(plain_label(base.name), anchor=False, width="content")
        if base.chunk_count and st.button(
            say("base.ask_this"), key="ask-base", type="primary", icon=":material/forum:"
        ):
            ask_base(base)
    if base.description:
        st.markdown(plain_label(" ".join(base.description.split())))
    draw_refused(base)
    draw_builds(base.id, above=draw_state, drawn=base)
    section = st.segmented_control(
        say("base.sections"), SECTIONS, default="documents", required=True, key="section", width="stretch",
        format_func=lambda name: say(f"base.section_{name}"), label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    if section == "documents":
        draw_documents(base)
    elif section == "add":
        draw_add_form(base)
    elif section == "lab":
        draw_lab(base)
    else:
        draw_settings(base)


opened = st.session_state.pop("open-base", None)
if opened is not None:
    forget_paging()
    if opened:
        st.query_params["kb"] = opened
    else:
        st.query_params.pop("kb", None)
shown = st.query_params.get("kb", "")

draw_wanted_source()
try:
    if shown:
        draw_base(shown)
    else:
        draw_all()
except ApiError as problem:
    if problem.status == 404 and shown:
        st.info(say("base.gone"), icon=":material/search_off:")
        st.button(say("base.back"), key="leave", type="primary", on_click=open_base, args=("",))
    else:
        show_error(problem, "knowledge")
