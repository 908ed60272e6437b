"""The conversations in the side bar: find, open, rename, export, delete."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.tags import draw_tags, edit_tags
from frontend.client import ApiError
from frontend.session import api, explain, notify, shown_errors, texts
from frontend.source_panel import close_source
from frontend.views import Thread

SHOWN = 30


def draw_conversations(current: str) -> None:
    """The list with its search; the conversation shown is marked."""
    say = texts()
    st.button(
        say("threads.new"), key="new-thread", icon=":material/add_comment:", width="stretch", on_click=open_thread,
        args=("",), type="primary" if not current else "secondary", shortcut="Alt+N",
    )  # fmt: skip
    words = st.text_input(
        say("threads.search"), key="thread-search", type="search", placeholder=say("threads.search"), live=True,
        label_visibility="collapsed",
    )  # fmt: skip
    with shown_errors("threads"):
        tag = draw_tags()
        limit = SHOWN * st.session_state.get("thread-pages", 1)
        page = api().threads(words, limit=min(limit, 500), tag=tag)
        if not page.items:
            st.caption(say("threads.none_found") if words or tag else say("threads.none"))
        pinned = [thread for thread in page.items if thread.pinned]
        dated = [thread for thread in page.items if not thread.pinned]
        with st.container(gap=None, key="threads"):
            for group, threads in [*_pinned(pinned), *by_date(dated, datetime.now(_zone()).date())]:
                st.caption(_group_title(group))
                for thread in threads:
                    _draw_row(thread, current, words)
        if page.next_cursor:
            st.button(say("threads.more"), key="more-threads", type="tertiary", on_click=_show_more)


def _pinned(threads: list[Thread]) -> list[tuple[str, list[Thread]]]:
    return [("pinned", threads)] if threads else []


def open_thread(thread_id: str, found: str = "") -> None:
    """Makes the page show this conversation at its next run, from the message `found` on; "" a new one."""
    st.session_state["open-thread"] = thread_id
    st.session_state["found-message"] = found
    if thread_id != st.query_params.get("thread", ""):
        close_source()


def thread_in_address() -> str:
    """The conversation of the address, after what callbacks have asked for."""
    opened = st.session_state.pop("open-thread", None)
    if opened:
        st.query_params["thread"] = opened
    elif opened == "":
        st.query_params.pop("thread", None)
    return str(st.query_params.get("thread", ""))


def by_date(threads: Sequence[Thread], today: date) -> Iterator[tuple[str, list[Thread]]]:
    """The conversations under `today`, `yesterday`, `week` (the six days before that), or their month as 2026-01."""

    def group(thread: Thread) -> str:
        changed = (thread.updated_at or datetime.now(UTC)).astimezone(_zone()).date()
        days = (today - changed).days
        if days <= 1:
            return "yesterday" if days == 1 else "today"
        return "week" if days <= 7 else f"{changed:%Y-%m}"

    return ((name, list(found)) for name, found in groupby(threads, key=group))


def _group_title(name: str) -> str:
    say = texts()
    return name if name[0].isdigit() else say(f"threads.{name}")


def _zone() -> ZoneInfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def marked(text: str, words: str) -> str:
    """Text for a label, with the words that were searched for marked in it."""
    at = text.lower().find(words.lower()) if words else -1
    if at < 0:
        return plain_label(text)
    end = at + len(words)
    return f"{plain_label(text[:at])} :orange-background[{plain_label(text[at:end])}] {plain_label(text[end:])}".strip()


def _draw_row(thread: Thread, current: str, words: str = "") -> None:
    say = texts()
    row = st.container(horizontal=True, gap=None, vertical_alignment="center", wrap=False, key=f"thread-{thread.id}")
    title = marked(thread.title or say("threads.untitled"), words)
    icon = _icon(thread)
    found = (thread.hit_message_id or "") if words else ""
    with row:
        st.button(
            f"**{title}**" if thread.id == current else title, key=f"open-{thread.id}", type="tertiary", icon=icon,
            width="stretch", on_click=open_thread, args=(thread.id, found), wrap=False,
            help=say("threads.waiting") if thread.waiting else None,
        )  # fmt: skip
        pin = "threads.unpin" if thread.pinned else "threads.pin"
        actions = {
            "pin": say(pin), "tag": say("threads.tag"), "rename": say("threads.rename"),
            "export": say("threads.export"), "delete": say("threads.delete"),
        }  # fmt: skip
        chosen = st.menu_button(
            ":material/more_vert:", list(actions), format_func=lambda name: actions[name], type="tertiary",
            key=f"menu-{thread.id}", help=say("threads.actions"),
        )  # fmt: skip
    notes = [f":gray-badge[{plain_label(tag)}]" for tag in thread.tags]
    if words and thread.hit and words.lower() not in thread.title.lower():
        notes.append(marked(thread.hit, words))
    if notes:
        st.caption(" ".join(notes))
    if chosen == "rename":
        _rename(thread)
    elif chosen == "pin":
        _pin(thread)
    elif chosen == "tag":
        edit_tags(thread)
    elif chosen == "export":
        _export(thread)
    elif chosen == "delete":
        _delete(thread, current)


def _icon(thread: Thread) -> str | None:
    if thread.waiting:
        return ":material/front_hand:"
    return ":material/progress_activity:" if thread.active_run_id else None


def _pin(thread: Thread) -> None:
    try:
        api().change_thread(thread.id, pinned=not thread.pinned)
    except ApiError as error:
        st.error(explain(error))
    else:
        st.rerun()


def _show_more() -> None:
    st.session_state["thread-pages"] = st.session_state.get("thread-pages", 1) + 1


def _rename(thread: Thread) -> None:
    say = texts()

    @st.dialog(say("threads.rename"))
    def ask() -> None:
        with st.form("rename-thread", border=False):
            title = st.text_input(say("threads.title"), value=thread.title, max_chars=200)
            if st.form_submit_button(say("action.save"), type="primary"):
                try:
                    api().change_thread(thread.id, title=title.strip())
                except ApiError as error:
                    st.error(explain(error))
                else:
                    st.rerun()

    ask()


def _export(thread: Thread) -> None:
    say = texts()

    @st.dialog(say("threads.export"))
    def offer() -> None:
        for form, name, label in (("markdown", "md", "Markdown"), ("json", "json", "JSON")):
            st.download_button(
                label, key=f"export-{form}", data=partial(api().export_thread, thread.id, form),
                file_name=f"{file_stem(thread.title) or thread.id[:12]}.{name}", icon=":material/download:",
                on_click="ignore",  # a rerun would forget the file while the browser asks for it
                width="stretch",
            )  # fmt: skip

    offer()


def file_stem(title: str) -> str:
    """A title as the name of a file that every system takes; empty when nothing of it can be kept."""
    kept = re.sub(r"[^\w.-]+", " ", title).strip(" .")
    return "-".join(kept.split())[:80]


def _delete(thread: Thread, current: str) -> None:
    say = texts()

    @st.dialog(say("threads.delete"))
    def confirm() -> None:
        st.markdown(say("threads.delete_question", title=plain_label(thread.title or say("threads.untitled"))))
        if st.button(say("action.delete"), key="confirm-delete-thread", type="primary", icon=":material/delete:"):
            try:
                api().delete_thread(thread.id)
            except ApiError as error:
                st.error(explain(error))
                return
            if thread.id == current:
                open_thread("")
            notify(say("threads.deleted"))
            st.rerun()

    confirm()
