"""The entry script of the browser interface: page set-up, language, navigation. Run by `python -m frontend`."""

from pathlib import Path

import streamlit as st

from frontend.address import in_address
from frontend.authentication.sessions import COOKIE
from frontend.components import focus_box, keep_cookie, page_style, theme_switch
from frontend.language import LANGUAGES
from frontend.session import LANGUAGE_COOKIE, language, show_notes, texts

HERE = Path(__file__).resolve().parent

choice = in_address("lang", LANGUAGES, "", stays=True)
st.session_state["lang"] = language()
say = texts()
st.set_page_config(
    page_title="DevOps ChatBot",
    page_icon=str(HERE / "favicon.png"),
    layout="wide",
    initial_sidebar_state="auto",
    menu_items={"Get help": None, "Report a bug": None, "About": None},
)
st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "favicon.png"), size="medium")

pages = [
    st.Page("app_pages/chat.py", title=say("page.chat"), icon=":material/forum:", default=True),
    st.Page("app_pages/knowledge.py", title=say("page.knowledge"), icon=":material/library_books:"),
    st.Page("app_pages/phases.py", title=say("page.phases"), icon=":material/alt_route:"),
    st.Page("app_pages/runs.py", title=say("page.runs"), icon=":material/timeline:"),
    st.Page("app_pages/sandbox.py", title=say("page.sandbox"), icon=":material/terminal:"),
    st.Page("app_pages/evaluation.py", title=say("page.evaluation"), icon=":material/monitoring:"),
    st.Page("app_pages/tools.py", title=say("page.tools"), icon=":material/build:"),
    st.Page("app_pages/models.py", title=say("page.models"), icon=":material/smart_toy:"),
]
page = st.navigation(pages)
with st.sidebar:
    sidebar = st.container(key="page-sidebar")
    with st.container(key="page-settings", horizontal=True, gap="small", vertical_alignment="center"):
        st.segmented_control(
            say("language.label"),
            list(LANGUAGES),
            format_func=lambda code: LANGUAGES[code],
            required=True,
            label_visibility="collapsed",
            **choice,
        )
        theme_switch(
            [f"/{each.url_path}" for each in pages], light=say("page.light"), dark=say("page.dark"), key="theme"
        )
        if COOKIE in st.context.cookies:
            st.link_button(say("page.sign_out"), "/logout", icon=":material/logout:", type="tertiary")
    keep_cookie(LANGUAGE_COOKIE, language())
page_style(
    choose_files=say("build.choose"), choose_folder=say("build.choose_folder"), no_diagram=say("source.no_diagram")
)
show_notes()
st.session_state["sidebar"] = sidebar
if page.url_path:  # the chat has a box of its own to tell of
    focus_box("", page.url_path)
page.run()
