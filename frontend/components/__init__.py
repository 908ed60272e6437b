"""Small parts of the page that Streamlit has no command for. All text is set as text, never as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from frontend.reading.preview import preview
from frontend.views import Command, DocumentPage

HERE = Path(__file__).resolve().parent


def page_style(*, choose_files: str, choose_folder: str, no_diagram: str) -> None:
    """The few rules that neither the theme nor a component can give; none names anything outside. `choose_files` stands
    on the buttons that open a file, `no_diagram` above why one is not drawn: Streamlit says both in English."""
    said = {"choose": choose_files, "choose-folder": choose_folder, "no-diagram": no_diagram}
    own = " ".join(f"--chatbot-{name}: {json.dumps(text, ensure_ascii=False)};" for name, text in said.items())
    own = f":root {{ {own} }}"
    st.html(f"<style>\n{own}\n{_read('page.css')}\n{_read('layout.css')}\n</style>")


def citation_cards(
    cards: Mapping[str, dict[str, Any]], labels: Mapping[str, str], *, focus: Sequence[str], key: str
) -> str | None:
    """Makes the links `#cite-<name>` of the page show the card of that name on hover; gives the name of one just
    clicked. A card has `number`, `title`, `heading`, `quote`, `path` of the document quoted, `supported`. The last of
    the containers with the keys `focus` is scrolled into view once, and not when it was among them before."""
    shown = {name: card | {"quote": preview(card["quote"], card.get("path", ""))} for name, card in cards.items()}
    data = {"cards": shown, "labels": dict(labels), "focus": list(focus)}
    result = _citations()(key=key, data=data, on_open_change=lambda: None)
    return result.open  # type: ignore[no-any-return]


def document_text(
    text: str, start: int, end: int, *, markup: str, first_line: int = 1, notes: Mapping[str, str], key: str
) -> None:
    """The text of a document, scrolled to the passage `start`..`end`, which is highlighted. What is neither Markdown
    nor prose has the numbers of its lines, from `first_line` on."""
    data = {"text": text, "start": start, "end": end, "markup": markup, "first": first_line, "notes": dict(notes)}
    _document()(key=key, data=data)


def page_picture(source: str, page: DocumentPage, *, alt: str, failed: str, zoom: str, key: str) -> None:
    """The picture of a page that lies at `source`, its boxes marked and scrolled to; `failed` stands there when it does
    not load, `zoom` names what makes it larger."""
    size = {"width": page.width, "height": page.height, "boxes": [asdict(box) for box in page.boxes]}
    _page()(key=key, data={"source": source, "alt": alt, "failed": failed, "zoom": zoom, **size})


def command_list(prefix: str, found: Sequence[Command], labels: Mapping[str, str], *, key: str) -> None:
    """Shows what completes `prefix` while that stands in the chat box. The state under `key` holds the `prefix` that is
    typed now."""
    items = [asdict(each) for each in found]
    data = {"prefix": prefix, "items": items, "labels": dict(labels)}
    _commands()(key=key, data=data, on_prefix_change=lambda: None)


def code_editor(
    text: str, marks: Mapping[int, Mapping[str, str]], label: str, *, stamp: int, key: str,
    on_change: Callable[[], None],
) -> None:  # fmt: skip
    """A box to write in, with the numbers of lines; `marks` are those with a `severity` and a `text`. What is typed is
    the `text` of the state under `key`, and told by `on_change`. Another `stamp` shows the `text` given, the same one
    leaves what is typed."""
    shown = {str(line): dict(mark) for line, mark in marks.items()}
    data = {"text": text, "marks": shown, "label": label, "stamp": stamp, "readonly": False}
    _editor()(key=key, data=data, on_text_change=on_change)


def mark_passage(container: str, quote: str, *, key: str) -> None:
    """Marks `quote`, a piece of Markdown, in the rendered container of that key, and scrolls its panel there."""
    _mark()(key=key, data={"container": container, "quote": quote}, height=1)


def copy_button(text: str, label: str, done: str, *, key: str) -> None:
    """A button that puts `text` on the clipboard."""
    _copy()(key=key, data={"text": text, "label": label, "done": done}, width="content")


def theme_switch(paths: Sequence[str], *, light: str, dark: str, key: str) -> None:
    """A button that changes between the light and the dark theme on the pages at these paths; `light` and `dark` say
    what it does."""
    _theme()(key=key, data={"paths": list(paths), "light": light, "dark": dark}, width="content")


def keep_cookie(name: str, value: str) -> None:
    """Has the browser keep a choice of its reader for a year; later visits find it in `st.context.cookies`."""
    _cookie()(key=f"cookie-{name}", data={"name": name, "value": value}, width="content", height=1)


def focus_box(stamp: str, place: str) -> None:
    """Puts the cursor into the chat box whenever `stamp` is another ("" where there is no box), and folds the side bar
    of a narrow screen away whenever `place` is."""
    _focus()(key="focus-box", data={"stamp": stamp, "place": place}, width="content", height=1)


@cache
def _citations() -> Any:
    return st.components.v2.component("citation_cards", css=_read("citations.css"), js=_read("citations.js"))


@cache
def _document() -> Any:
    return st.components.v2.component("document_text", css=_read("document.css"), js=_read("document.js"))


@cache
def _page() -> Any:
    return st.components.v2.component("page_picture", css=_read("page_picture.css"), js=_read("page_picture.js"))


@cache
def _commands() -> Any:
    return st.components.v2.component("command_list", css=_read("commands.css"), js=_read("commands.js"))


@cache
def _editor() -> Any:
    return st.components.v2.component("code_editor", css=_read("editor.css"), js=_read("editor.js"))


@cache
def _mark() -> Any:
    return st.components.v2.component("mark_passage", js=_read("mark.js"))


@cache
def _copy() -> Any:
    return st.components.v2.component("copy_button", css=_read("copy.css"), js=_read("copy.js"))


@cache
def _theme() -> Any:
    return st.components.v2.component("theme_switch", css=_read("copy.css"), js=_read("theme.js"))


@cache
def _cookie() -> Any:
    return st.components.v2.component("keep_cookie", js=_read("cookie.js"))


@cache
def _focus() -> Any:
    return st.components.v2.component("focus_box", js=_read("focus.js"))


@cache
def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
