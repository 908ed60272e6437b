"""Files that code made in a run: saved with a click, and what is text shown as text. Nothing of them runs here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.run_trace import Entry
from frontend.runs.results import draw_text
from frontend.session import api, explain, texts

LARGEST_SHOWN = 200_000
"""Bytes of a file that is shown as text."""
MOST_FILES = 12
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_WRITTEN = ("application/json", "application/xml", "application/yaml", "application/javascript", "image/svg+xml")
_LANGUAGES = {"html": "html", "json": "json", "xml": "xml", "svg": "xml", "yaml": "yaml", "yml": "yaml", "py": "python"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeFile:
    """A file that was kept: `id` is its artifact."""

    id: str
    path: str
    media_type: str
    size: int

    @property
    def is_text(self) -> bool:
        """Whether it can be read as text."""
        return self.media_type.startswith("text/") or self.media_type.split(";")[0] in _WRITTEN


def made_files(entries: Iterable[Entry]) -> list[MadeFile]:
    """The files of these calls that are no pictures, which the timeline shows, each path as it was last."""
    found: dict[str, MadeFile] = {}
    for entry in entries:
        data = entry.data.get("data")
        for each in _listed(data.get("files") if isinstance(data, Mapping) else None):
            found[each.path] = each
    return list(found.values())[-MOST_FILES:]


def draw_files(files: Iterable[MadeFile], key: str) -> None:
    """A link for each file that saves it, and for one that is text a switch that shows it."""
    say = texts()
    for each in files:
        label = plain_label(f"{each.path} ({each.size:,} B)")
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"file-{key}-{each.id}"):
            st.link_button(label, f"/artifacts/{each.id}", icon=":material/download:", type="tertiary")
            can_be_shown = each.is_text and each.size <= LARGEST_SHOWN
            shown = can_be_shown and st.toggle(say("timeline.show_file"), key=f"show-{key}-{each.id}")
        if shown:
            _draw_content(each)


def _draw_content(file: MadeFile) -> None:
    try:
        content = api().artifact(file.id)
    except ApiError as error:
        st.caption(explain(error))
        return
    draw_text(content.decode("utf-8", "replace"), _LANGUAGES.get(file.path.rpartition(".")[2].lower()))


def _listed(given: Any) -> Iterator[MadeFile]:
    for each in given if isinstance(given, list) else []:
        if not isinstance(each, Mapping):
            continue
        file_id, media_type, size = each.get("artifact_id"), str(each.get("media_type") or ""), each.get("size")
        if isinstance(file_id, str) and file_id.isalnum() and media_type not in _PICTURES:
            yield MadeFile(
                id=file_id, path=str(each.get("path") or file_id), media_type=media_type,
                size=size if isinstance(size, int) else 0,
            )  # fmt: skip
