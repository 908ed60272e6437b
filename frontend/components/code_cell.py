"""Cells under an answer: its blocks of code, to be run and changed by whoever reads it. Nothing runs by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import streamlit as st

from frontend.client import ApiError
from frontend.sandbox.results import draw_run
from frontend.sandbox.running import run_code, sandbox_status
from frontend.session import explain, texts

MOST_CELLS = 5
_BLOCK = re.compile(
    r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]+)[^\n]*\n(.*?)^[ \t]{0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL
)
_NAMES = {
    "py": "python", "python": "python", "python3": "python", "ipython": "python", "bash": "shell", "sh": "shell",
    "shell": "shell", "console": "shell", "js": "javascript", "javascript": "javascript", "node": "javascript",
    "java": "java", "go": "go", "golang": "go", "cpp": "cpp", "c++": "cpp",
}  # fmt: skip


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The language and the code of each block that names a language which could be run."""
    for found in _BLOCK.finditer(text):
        language = _NAMES.get(found[2].lower())
        if language and found[3].strip():
            yield language, found[3].rstrip("\n")


def draw_code_cells(message_id: str, thread_id: str, text: str) -> None:
    """A cell for each block of code of an answer, where there is a sandbox that knows its language."""
    blocks = list(code_blocks(text))[:MOST_CELLS]
    if not blocks:
        return
    status = sandbox_status()
    if status is None or not status.available:
        return
    for index, (language, code) in enumerate(blocks):
        if language in status.languages:
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
