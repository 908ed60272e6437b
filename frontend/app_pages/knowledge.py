"""Knowledge: the bases, and one of them opened (`?kb=` in the address)."""

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.building import draw_add_form, draw_create_form, draw_refused
from frontend.bases.documents import draw_documents, forget_paging
from frontend.bases.lab import draw_lab
from frontend.bases.progress import draw_builds
from frontend.bases.settings import draw_settings
from frontend.client import ApiError
from frontend.session import api, show_error, texts
from frontend.source_panel import draw_wanted_source
from frontend.views import KnowledgeBase

SECTIONS = ("documents", "add", "lab", "settings")

say = texts()
st.set_page_config(layout="wide")  # tables want room


def open_base(base_id: str) -> None:
    st.session_state["open-base"] = base_id


def draw_list() -> None:
    st.title(say("page.knowledge"), anchor=False)
    bases = api().knowledge_bases()
    for base in bases:
        draw_row(base)
    if not bases:
        st.markdown(say("base.none"))
    st.subheader(say("build.title"), anchor=False)
    draw_create_form()


def draw_row(base: KnowledgeBase) -> None:
    with (
        st.container(border=True, key=f"base-{base.id}"),
        st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"),
    ):
        with st.container(width="content", gap=None):
            st.markdown(f"**{plain_label(base.name)}**")
            st.caption(summary(base))
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            draw_badges(base)
            st.button(
                say("base.open"), key=f"open-base-{base.id}", icon=":material/arrow_forward:", on_click=open_base,
                args=(base.id,), help=say("base.open_help", name=plain_label(base.name)),
            )  # fmt: skip


def summary(base: KnowledgeBase) -> str:
    counts = [say("base.documents_count", count=base.document_count), say("base.chunks_count", count=base.chunk_count)]
    if base.failed_count:
        counts.append(say("base.failed_count", count=base.failed_count))
    return " · ".join(counts)


def draw_badges(base: KnowledgeBase) -> None:
    behind = [index for index in base.indexes if index.done < index.total]
    if base.active_job_id:
        st.badge(say("base.building"), icon=":material/autorenew:", color="blue")
    elif behind:
        names = ", ".join(f"{index.name} {index.done}/{index.total}" for index in behind)
        st.badge(say("base.behind"), icon=":material/hourglass_top:", color="orange", help=plain_label(names))
    elif base.chunk_count:
        st.badge(say("base.ready"), icon=":material/check_circle:", color="green")


def draw_base(base_id: str) -> None:
    base = api().knowledge_base(base_id)
    st.button(
        say("base.back"), key="back", type="tertiary", icon=":material/arrow_back:", on_click=open_base, args=("",)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(plain_label(base.name), anchor=False, width="content")
        draw_badges(base)
    st.caption(summary(base))
    if any(index.done < index.total for index in base.indexes):
        for index in base.indexes:
            st.caption(f"{say.of('stage', index.name)}: {index.done:,} / {index.total:,}")
    draw_refused(base)
    draw_builds(base.id)
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
        draw_list()
except ApiError as problem:
    if problem.status == 404 and shown:
        st.info(say("base.gone"), icon=":material/search_off:")
        st.button(say("base.back"), key="leave", type="primary", on_click=open_base, args=("",))
    else:
        show_error(problem, "knowledge")
