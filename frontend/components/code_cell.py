"""Cells under an answer: its blocks of code, to be run and changed by whoever reads it. Nothing runs by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import streamlit as st

from frontend.client import ApiError
from frontend.sandbox.results import draw_run
from frontend.sandbox.running import run_code, sandbox_status
from frontend.sandbox.views import SandboxStatus
from frontend.session import explain, texts

MOST_CELLS = 5
_BLOCK = re.compile(
    r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]+)[^\n]*\n(.*?)^[ \t]{0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL
)


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The language, as it is named, and the code of each block that names one."""
    for found in _BLOCK.finditer(text):
        if found[3].strip():
            yield found[2].lower(), found[3].rstrip("\n")


def runnable_blocks(text: str, status: SandboxStatus) -> Iterator[tuple[str, str]]:
    """The language and the code of each block that the sandbox can run."""
    for name, code in code_blocks(text):
        language = status.aliases.get(name, name)
        if language in status.languages:
            yield language, code


def draw_code_cells(message_id: str, thread_id: str, text: str) -> None:
    """A cell for each block of code of an answer, where there is a sandbox that knows its language."""
    if next(code_blocks(text), None) is None:
        return
    status = sandbox_status()
    if status is None or not status.available:
        return
    for index, (language, code) in enumerate(islice(runnable_blocks(text, status), MOST_CELLS)):
        _draw_cell(f"{message_id}-{index}", thread_id, language, code)


def _draw_cell(key: str, thread_id: str, language: str, code: str) -> None:
    say = texts()
    with st.expander(say("sandbox.cell", language=language), icon=":material/play_circle:", key=f"cell-{key}"):
        st.text_area(say("sandbox.code"), value=code, key=f"code-{key}", height="content", label_visibility="collapsed")
        if st.button(say("sandbox.run"), key=f"run-{key}", icon=":material/play_arrow:"):
            with st.spinner(say("sandbox.running")):
                try:
                    result = run_code(thread_id, st.session_state[f"code-{key}"], language)
                    st.session_state.setdefault("sandbox-results", {})[key] = result
                except ApiError as error:
                    st.error(explain(error), icon=":material/error:")
        done = st.session_state.get("sandbox-results", {}).get(key)
        if done is not None:
            draw_run(done[1], done[0], key)
