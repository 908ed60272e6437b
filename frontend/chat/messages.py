"""The messages of a conversation as they stand in the backend, and what can be done with each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label, prepare_answer
from frontend.branches import Turn
from frontend.chat.charts import charts_of, draw_charts
from frontend.chat.composer import Choice
from frontend.chat.conversation import Conversation, ask_edited, choose_branch, may_differ, regenerate
from frontend.chat.feedback import draw_feedback
from frontend.chat.suggestions import draw_follow_ups
from frontend.chat.why import draw_why
from frontend.components import copy_button
from frontend.components.code_cell import draw_code_cells
from frontend.reading.place import rows_label
from frontend.runs.section import draw_trace
from frontend.runs.timeline import waiting_in_words
from frontend.session import problem_in_words, texts
from frontend.source_panel import Place, want_source
from frontend.views import Citation, Message

CHARTS_OF = 10
"""The messages from the end on whose charts are drawn: each is a run to be read."""
AVATARS = {"user": ":material/person:", "assistant": ":material/support_agent:"}


def draw_user(conversation: Conversation, turn: Turn, choice: Choice) -> None:
    """A question; it can be changed and asked again."""
    say, message = texts(), turn.message
    with st.container(key=f"message-{message.id}"), st.chat_message("user", avatar=AVATARS["user"]):
        if st.session_state.get("editing") == message.id:
            _draw_editor(conversation, turn, choice)
            return
        st.text(message.text)
        with st.container(horizontal=True, gap=None, vertical_alignment="center", key=f"acts-{message.id}"):
            st.button(
                say("chat.edit"), key=f"edit-{message.id}", type="tertiary", icon=":material/edit:",
                on_click=_begin_edit, args=(message.id,), disabled=bool(conversation.running),
            )  # fmt: skip
            draw_branches(conversation, turn)


def draw_answer(conversation: Conversation, turn: Turn, choice: Choice) -> None:
    """A finished, failed or stopped answer with its citations, sources and actions."""
    message = turn.message
    with st.container(key=f"message-{message.id}"), st.chat_message("assistant", avatar=AVATARS["assistant"]):
        has_steps = message.phase not in ("", choice.usual_phase)
        is_recent = turn in conversation.path[-CHARTS_OF:]
        charts = charts_of(message.run_id or "") if has_steps and is_recent else []
        if has_steps:
            draw_trace(message.run_id or "", key=f"trace-{message.id}")
        _draw_text(message)
        draw_charts(charts, key=message.id)
        _draw_state(conversation, message, choice)
        _draw_sources(message, choice.names)
        _draw_nearest(message)
        draw_code_cells(message.id, message.thread_id, message.text)
        _draw_actions(conversation, turn, choice)
        if message.run_id and message.searched and not message.active:
            draw_why(message)
        if message.id == conversation.last_id and message.status == "finished":
            draw_follow_ups(conversation, message, choice)


def cards_of(message: Message, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the chips of this message show on hover, by the name their links carry."""
    return {
        f"{message.id}-{index}": {
            "number": each.number,
            "title": each.title or each.path,
            "heading": " › ".join([*_where(each), *_base_of(each, names)]),
            "quote": each.quote,
            "path": each.path,
            "supported": each.supported,
        }
        for index, each in enumerate(message.citations)
    }


def place_of(name: str, messages: Mapping[str, Message]) -> Place | None:
    """The passage that the chip of this name stands for."""
    message_id, _, index = name.rpartition("-")
    message = messages.get(message_id)
    if message is None or not index.isdigit() or int(index) >= len(message.citations):
        return None
    return _place(message.citations[int(index)], message)


def places_of(name: str, messages: Mapping[str, Message]) -> list[Place]:
    """The passages of the message that this chip stands in: one of each source, in the order of the answer; of its
    own source the one that the chip stands for."""
    message_id, _, index = name.rpartition("-")
    message = messages.get(message_id)
    if message is None or not index.isdigit() or int(index) >= len(message.citations):
        return []
    return _places(message, message.citations[int(index)])


def draw_branches(conversation: Conversation, turn: Turn) -> None:
    """`‹ 2/3 ›` where a message has siblings."""
    if len(turn.siblings) < 2:
        return
    say, message = texts(), turn.message
    with st.container(horizontal=True, gap=None, vertical_alignment="center", width="content", wrap=False):
        for step, sign, name in ((-1, "‹", "previous"), (1, "›", "next")):
            if step == 1:
                st.markdown(f"{turn.place + 1}/{len(turn.siblings)}", width="content")
            st.button(
                sign, key=f"{name}-{message.id}", type="tertiary", help=say(f"chat.{name}_version"),
                on_click=choose_branch, args=(conversation.id, turn, step),
            )  # fmt: skip


def _draw_text(message: Message) -> None:
    say = texts()
    if not message.text:
        return
    uncited = message.uncited if message.mode == "model" else []
    st.markdown(
        prepare_answer(
            message.text,
            anchor=message.id,
            citations=message.citations,
            uncited=uncited,
            uncited_label=say("chat.uncited"),
        )
    )


def _draw_state(conversation: Conversation, message: Message, choice: Choice) -> None:
    """Says of an answer that did not come to its end why, and what to do."""
    say = texts()
    if message.status == "cancelled":
        st.caption(say("chat.stopped_kept") if message.text else say("chat.stopped"))
    elif message.status == "failed":
        told = problem_in_words(message.error_code, message.error)
        st.error(told or say("chat.failed"), icon=":material/error:")
        if message.error and plain_label(message.error) not in told:
            st.caption(plain_label(message.error))
        _draw_regenerate(conversation, message, choice, label=say("error.retry"), key="again")
        if message.mode == "model" or choice.model not in (None, "none"):
            st.caption(say("chat.failed_hint"))
    elif message.verdict == "nothing" and not message.text:
        st.info(say("chat.nothing_found"), icon=":material/search_off:")


def _draw_sources(message: Message, names: Mapping[str, str]) -> None:
    """A button for each source cited; the chips in the text open the same drawer."""
    say = texts()
    first: dict[int, Citation] = {}
    for citation in message.citations:
        first.setdefault(citation.number, citation)
    if not first:
        return
    weak = {each.number for each in message.citations if not each.supported}
    with st.container(horizontal=True, gap="small", key=f"sources-{message.id}"):
        for number, citation in sorted(first.items()):
            name = citation.title if citation.call is not None else citation.path.rpartition("/")[2] or citation.title
            label = " · ".join([_shorten(name), *_base_of(citation, names)])
            st.button(
                plain_label(f"[{number}] {label}"),
                key=f"source-{message.id}-{number}", icon=_icon(citation, weak),
                help=plain_label(" › ".join([citation.title or citation.path, *_where(citation)])),
                on_click=want_source, args=(_place(citation, message), _places(message, citation)),
            )  # fmt: skip
    if weak:
        st.caption(say("chat.weak_note"))


def _where(citation: Citation) -> list[str]:
    """The headings that a quotation stands under, and its rows of a sheet."""
    return list(filter(None, [*citation.heading_path, rows_label(citation.anchor)]))


def _base_of(citation: Citation, names: Mapping[str, str]) -> list[str]:
    """The base of a citation, where there are several."""
    name = names.get(citation.knowledge_base_id, "")
    return [_shorten(name, 24)] if name and len(names) > 1 else []


def _draw_nearest(message: Message) -> None:
    cited = {citation.document_id for citation in message.citations}
    nearest = [each for each in message.nearest if each.document_id not in cited]
    if message.verdict in (None, "answered") or not nearest:
        return
    with st.container(horizontal=True, gap="small", key=f"nearest-{message.id}"):
        for index, each in enumerate(nearest):
            place = Place(knowledge_base_id=each.knowledge_base_id, document_id=each.document_id)
            st.button(
                plain_label(each.title or each.path), key=f"near-{message.id}-{index}", icon=":material/description:",
                on_click=want_source, args=(place,),
            )  # fmt: skip


def _draw_actions(conversation: Conversation, turn: Turn, choice: Choice) -> None:
    say, message = texts(), turn.message
    if message.active:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"acts-{message.id}"):
        if message.mode:
            if message.quotes:
                st.badge(say("chat.mode_extractive"), icon=":material/format_quote:", color="green")
            elif message.mode == "model":
                name = plain_label(message.model) if message.model else say("chat.mode_model")
                st.badge(name, icon=":material/smart_toy:", color="violet")
            if message.verdict == "closest":
                st.badge(say("chat.closest"), icon=":material/help:", color="orange", help=say("chat.closest_help"))
            if message.worked_s is not None:
                took = [say("chat.took", seconds=f"{message.worked_s:.1f}"), waiting_in_words(message.waited_s)]
                st.caption(" · ".join(filter(None, took)), width="content")
        if message.status != "failed" and may_differ(conversation, message, choice.asked, choice.model):
            _draw_regenerate(conversation, message, choice, label=say("chat.regenerate"), key="regenerate")
        if message.text:
            copy_button(message.text, say("chat.copy"), say("chat.copied"), key=f"copy-{message.id}")
        draw_branches(conversation, turn)
        draw_feedback(message)


def _draw_regenerate(conversation: Conversation, message: Message, choice: Choice, *, label: str, key: str) -> None:
    if message.parent_id:
        st.button(
            label, key=f"{key}-{message.id}", type="tertiary", icon=":material/refresh:", on_click=regenerate,
            args=(conversation.id, message.parent_id), kwargs={"bases": choice.bases, "model": choice.model},
            disabled=bool(conversation.running),
        )  # fmt: skip


def _begin_edit(message_id: str) -> None:
    st.session_state["editing"] = message_id


def _draw_editor(conversation: Conversation, turn: Turn, choice: Choice) -> None:
    say, message = texts(), turn.message
    key = f"edited-{message.id}"
    with st.form(f"editor-{message.id}", border=False):
        st.text_area(say("chat.edit"), value=message.text, key=key, label_visibility="collapsed")
        with st.container(horizontal=True):
            st.form_submit_button(
                say("chat.send"), type="primary", on_click=_end_edit, args=(conversation, turn, choice, key)
            )
            st.form_submit_button(say("action.cancel"), on_click=_begin_edit, args=("",))


def _end_edit(conversation: Conversation, turn: Turn, choice: Choice, key: str) -> None:
    text = st.session_state[key].strip()
    st.session_state["editing"] = ""
    if text:
        ask_edited(conversation.id, turn, text, bases=choice.bases, model=choice.model)


def _icon(citation: Citation, weak: Collection[int]) -> str | None:
    if citation.number in weak:
        return ":material/warning:"
    return ":material/build:" if citation.call is not None else None


def _place(citation: Citation, message: Message) -> Place:
    return Place(
        knowledge_base_id=citation.knowledge_base_id,
        document_id=citation.document_id,
        start=citation.start,
        end=citation.end,
        heading_path=tuple(citation.heading_path),
        anchor=citation.anchor,
        quote=citation.quote,
        call=citation.call,
        title=citation.title if citation.call is not None else "",
        run_id=(message.run_id or "") if citation.call is not None else "",
    )


def _places(message: Message, shown: Citation) -> list[Place]:
    """Several sentences may cite one source: it is one place to step to, as it is one number in the answer."""
    one_each: dict[int, Citation] = {}
    for each in sorted(message.citations, key=lambda each: each.answer_start):
        one_each.setdefault(each.number, each)
    one_each[shown.number] = shown
    return list(dict.fromkeys(_place(each, message) for each in one_each.values()))


def _shorten(text: str, most: int = 40) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
