"""Building: one form for files, folders and addresses, for a new knowledge base or one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.typing import UploadedFile

from frontend.answer_text import plain_label
from frontend.bases.api import bases_api
from frontend.client import Api, ApiError
from frontend.session import api, explain, notify, problem_in_words, texts
from frontend.views import FileRefusal, KnowledgeBase

LONGEST_NAME = 200
MOST_REFUSED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What is to be read into a base."""

    files: Sequence[UploadedFile]
    paths: tuple[str, ...]
    urls: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not (self.files or self.paths or self.urls)

    @property
    def sources(self) -> list[tuple[str, str]]:
        """What the server is to read by itself: kind and location."""
        paths = [("zip" if path.lower().endswith(".zip") else "folder", path) for path in self.paths]
        return [*(("web", url) for url in self.urls), *paths]


def draw_create_form() -> None:
    """Name and material in one form; one click makes the base and begins to build it."""
    say = texts()
    run = st.session_state.setdefault("create-form", 0)
    with st.form(f"create-{run}", border=True):
        name = st.text_input(say("build.name"), key=f"create-name-{run}", max_chars=LONGEST_NAME)
        material = _draw_material(f"create-{run}")
        pressed = st.form_submit_button(say("build.button"), type="primary", icon=":material/construction:")
    if not pressed:
        return
    if not name.strip():
        st.warning(say("build.name_missing"))
    elif material.empty:
        st.warning(say("build.nothing"))
    elif _all_readable(material):
        _create(name.strip(), material)


def draw_import_form() -> None:
    """A base from the file of an export; what is wrong with it is told before there is a base."""
    say = texts()
    run = st.session_state.setdefault("import-form", 0)
    section = st.expander(say("import.title"), icon=":material/unarchive:", key="import-base", on_change="rerun")
    if not section.open:
        return
    with section:
        with st.form(f"import-{run}", border=False):
            file = st.file_uploader(say("import.file"), type=["zip"], key=f"import-file-{run}")
            name = st.text_input(say("import.name"), key=f"import-name-{run}", max_chars=LONGEST_NAME)
            pressed = st.form_submit_button(say("import.button"), icon=":material/unarchive:")
        if pressed and file is None:
            st.warning(say("import.missing"))
        elif pressed and file is not None:
            with st.spinner(say("build.sending")):
                try:
                    base_id = bases_api().import_base((file.name, file), name.strip())
                except ApiError as error:
                    st.error(explain(error), icon=":material/error:")
                    return
            st.session_state["import-form"] += 1
            st.session_state["open-base"] = base_id
            notify(say("import.taken"))
            st.rerun()


def draw_add_form(base: KnowledgeBase) -> None:
    """More material for a base that is there; unchanged files cost nothing."""
    say = texts()
    run = st.session_state.setdefault("add-form", 0)
    with st.form(f"add-{run}", border=False):
        material = _draw_material(f"add-{run}")
        pressed = st.form_submit_button(say("build.add"), type="primary", icon=":material/library_add:")
    if not pressed:
        return
    if material.empty:
        st.warning(say("build.nothing"))
        return
    if not _all_readable(material):
        return
    try:
        _send(api(), base.id, material)
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        return
    st.session_state["add-form"] += 1  # a new form is an empty form, and lets go of the files
    st.rerun()


def draw_refused(base: KnowledgeBase) -> None:
    """The files of the last upload that the server did not take, with the reasons, until they are dismissed."""
    say, key = texts(), f"refused-{base.id}"
    refused: list[FileRefusal] = st.session_state.get(key, [])
    if refused:
        shown = refused[:MOST_REFUSED]
        lines = [f"- {plain_label(each.path)}: {problem_in_words(each.code, each.reason)}" for each in shown]
        more = [f"- … (+{len(refused) - MOST_REFUSED})"] if len(refused) > MOST_REFUSED else []
        st.warning("\n".join([*lines, *more]), title=f"{say('build.refused')}: {len(refused)}", icon=":material/error:")
        st.button(say("build.dismiss"), key="dismiss-refused", on_click=st.session_state.pop, args=(key,))


def _draw_material(key: str) -> Material:
    say = texts()
    limit = st.get_option("server.maxUploadSize")
    left, right = st.columns([3, 2])
    with left:
        files = st.file_uploader(
            say("build.files", megabytes=limit), accept_multiple_files=True, key=f"{key}-files",
            help=say("build.formats"),
        )  # fmt: skip
    with right:
        folder = st.file_uploader(say("build.folder"), accept_multiple_files="directory", key=f"{key}-folder")
    left, right = st.columns(2)
    with left:
        urls = st.text_area(say("build.urls"), key=f"{key}-urls", height=90, placeholder="https://…")
    with right:
        paths = st.text_area(say("build.paths"), key=f"{key}-paths", height=90, placeholder="/srv/docs")
    return Material(files=[*files, *folder], paths=_lines(paths), urls=_lines(urls))


def _all_readable(material: Material) -> bool:
    """Whether every address and path can be read now; each that cannot is told, and nothing is made."""
    wrong = []
    for kind, location in material.sources:
        try:
            bases_api().check_source(kind, location)
        except ApiError as error:
            wrong.append(f"- {plain_label(location)}: {problem_in_words(error.code, str(error))}")
    if wrong:
        st.error("\n".join([texts()("build.wrong_sources"), "", *wrong]), icon=":material/error:")
    return not wrong


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _create(name: str, material: Material) -> None:
    say = texts()
    with st.spinner(say("build.sending")):
        try:
            base = api().create_knowledge_base(name)
        except ApiError as error:
            st.error(explain(error), icon=":material/error:")
            return
        try:
            _send(api(), base.id, material)
        except ApiError as error:
            # The base is there; what went wrong is shown on it, and can be mended there.
            st.session_state["problem"] = explain(error)
    st.session_state["create-form"] += 1
    st.session_state["open-base"] = base.id
    st.rerun()


def _send(client: Api, base_id: str, material: Material) -> None:
    """Hands everything over; each source is a build of its own. Files the server refuses are told at the end."""
    say = texts()
    refused: list[FileRefusal] = []
    if material.files:
        refused = client.upload(base_id, [(file.name, file) for file in material.files]).refused
    for kind, location in material.sources:
        client.add_source(base_id, kind, location)
    if refused:
        st.session_state[f"refused-{base_id}"] = refused
    notify(say("build.begun"))
