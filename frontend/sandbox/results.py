"""What a run put out. All of it is untrusted: text is drawn as text, pictures as pictures, pages not at all."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image

from frontend.answer_text import plain_label
from frontend.client import Api, ApiError
from frontend.sandbox.views import SandboxFile, SandboxOutput, SandboxRun
from frontend.session import api, texts

TABLE = "application/vnd.devops-chatbot.table+json"
SHOWN_FILES = 12
SHOWN_PICTURES = 4
LARGEST_PICTURE = 4 * 1024 * 1024
_PICTURES = ("image/png", "image/jpeg")
_CONTROLS = (0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SIGNS = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | dict.fromkeys(_CONTROLS, "\ufffd")
"""What a terminal would obey, or what turns the direction of writing, as signs that can be seen."""


def plain_output(text: str) -> str:
    """Output as text that neither a terminal nor a reader is deceived by."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def draw_run(run: SandboxRun, session_id: str, key: str) -> None:
    """The output of a run, what it showed, its files, and how it ended."""
    say = texts()
    if run.stdout:
        st.code(plain_output(run.stdout), language=None, wrap_lines=True)
    for index, output in enumerate(run.outputs):
        _draw_output(output, f"{key}-{index}")
    if run.stderr:
        st.code(plain_output(run.stderr), language=None, wrap_lines=True)
    seconds = f"{run.duration_ms / 1000:.1f}"
    ended = say.of("sandbox.status", run.status)
    line = say("sandbox.ended", status=ended, seconds=seconds)
    (st.caption if run.status == "finished" else st.warning)(line)
    if run.state == "lost":
        st.caption(say("sandbox.state_lost"))
    for each in run.skipped:
        st.caption(plain_label(each))
    shown = {output.path for output in run.outputs}
    for file in [file for file in run.artifacts if _is_picture(file) and file.path not in shown][:SHOWN_PICTURES]:
        _draw_picture(_content(api(), session_id, file.path), plain_label(file.path))
    draw_files([each for each in run.artifacts if each.path not in shown][:SHOWN_FILES], session_id, key)


def draw_files(files: list[SandboxFile], session_id: str, key: str) -> None:
    """A button for each file that downloads it when it is pressed."""
    held = api()  # what fetches the file runs outside of the page
    with st.container(horizontal=True, gap="small"):
        for index, each in enumerate(files):
            st.download_button(
                plain_label(f"{each.path} ({each.size:,} B)"),
                data=partial(_content, held, session_id, each.path),
                file_name=plain_output(each.path.rpartition("/")[2]).replace("\n", " "),
                mime="application/octet-stream",
                key=f"file-{key}-{index}",
                icon=":material/download:",
                on_click="ignore",
            )


def _content(held: Api, session_id: str, path: str) -> bytes:
    try:
        return held.sandbox_file(session_id, path)
    except ApiError as error:
        return str(error).encode()


def _draw_output(output: SandboxOutput, key: str) -> None:
    picture = next((output.data[kind] for kind in _PICTURES if kind in output.data), None)
    table = output.data.get(TABLE)
    if isinstance(picture, str):
        content = _bytes(picture)
        if content and _draw_picture(content):
            return
    if isinstance(table, dict) and _draw_table(table, key):
        return
    text = output.data.get("text/plain")
    if isinstance(text, str):
        st.code(plain_output(text), language=None, wrap_lines=True)


def _is_picture(file: SandboxFile) -> bool:
    return file.media_type in _PICTURES and file.size <= LARGEST_PICTURE


def _draw_picture(content: bytes, caption: str = "") -> bool:
    """Whether it could be drawn: what calls itself a picture need not be one."""
    try:
        st.image(content, caption=caption or None)
    except (OSError, ValueError, Image.DecompressionBombError):
        return False
    return True


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _draw_table(table: dict[str, Any], key: str) -> bool:
    columns, rows = table.get("columns"), table.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list) or not columns:
        return False
    names = [str(name) or "#" for name in columns]
    unique = [f"{name} ({index})" if names.index(name) != index else name for index, name in enumerate(names)]
    cells = [
        {name: str(cell) for name, cell in zip(unique, row, strict=False)} for row in rows if isinstance(row, list)
    ]
    st.dataframe(cells, hide_index=True, key=f"table-{key}")
    total = table.get("total")
    if isinstance(total, int) and total > len(cells):
        st.caption(texts()("sandbox.rows_shown", shown=len(cells), total=total))
    return True
