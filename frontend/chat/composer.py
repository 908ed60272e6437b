"""The bar at the bottom: the question, the knowledge bases and the model to ask, and the stop button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import streamlit as st

from frontend.chat.commands import suggest_commands
from frontend.chat.conversation import NO_MODEL, Conversation, ask, follow_newest, note_change, stop
from frontend.chat.modes import draw_mode_picker
from frontend.chat.scope import asked_of, draw_scope, usual_label
from frontend.client import ApiError
from frontend.components import keep_cookie
from frontend.session import api, remember_error, texts
from frontend.views import KnowledgeBase, Model, Phase

LONGEST_QUESTION = 100_000
BASES_COOKIE = "chatbot_bases"
MOST_KEPT = 50
"""Bases that a cookie has room for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a question is asked of: knowledge bases by id (none: the usual ones), and a model by name. `names` are those
    of all bases by id, `asked` the bases themselves, `usual_phase` the mode that shows no steps of its own."""

    bases: tuple[str, ...]
    model: str | None
    names: Mapping[str, str] = field(default_factory=dict)
    usual_phase: str = ""
    asked: Sequence[KnowledgeBase] = ()


def draw_composer(
    conversation: Conversation, bases: Sequence[KnowledgeBase], models: Sequence[Model], phases: Sequence[Phase] = ()
) -> Choice:
    """The bar; gives what is chosen in it."""
    say = texts()
    base_key = _prepare_bases(conversation, bases)
    draw_scope(bases, st.session_state[base_key])
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="choices"):
        names = {base.id: base.name for base in bases}
        st.multiselect(
            say("chat.bases"), list(names), format_func=lambda base_id: names.get(base_id, "?"), key=base_key,
            placeholder=usual_label(bases), label_visibility="collapsed", width="stretch", on_change=_keep_bases,
            args=(conversation.id, base_key), disabled=not bases,
        )  # fmt: skip
        _draw_model_picker(models)
        draw_mode_picker(phases, with_model=_chosen_model() != NO_MODEL)
        keep_cookie(BASES_COOKIE, ".".join(last_bases()[:MOST_KEPT]))
        running = conversation.running
        if running:
            st.button(
                say("chat.stop"), key="stop", icon=":material/stop_circle:", on_click=stop, args=(running,),
                shortcut="Esc", type="primary",
            )  # fmt: skip
    suggest_commands()
    if "unsent" in st.session_state:
        st.session_state["question"] = st.session_state.pop("unsent")
    st.chat_input(
        say("chat.placeholder"), key="question", disabled=bool(conversation.running), max_chars=LONGEST_QUESTION,
        on_submit=_submit, args=(conversation, base_key),
    )  # fmt: skip
    usual = next((phase.name for phase in phases if phase.is_default), "")
    chosen = tuple(st.session_state[base_key])
    asked = asked_of(bases, chosen)
    return Choice(bases=chosen, model=_chosen_model(), names=names, usual_phase=usual, asked=asked)


def _draw_model_picker(models: Sequence[Model]) -> None:
    say = texts()
    options = [NO_MODEL, *(model.name for model in models)]
    default = next((model.name for model in models if model.is_default), NO_MODEL)
    chosen = st.session_state.get("model")
    if chosen not in options:
        st.session_state["model"] = default
    elif st.session_state.get("model-language") != say.language:
        # The browser keeps the words of what is chosen, in the language they were shown in, until it is set anew.
        st.session_state["model"] = chosen
    st.session_state["model-language"] = say.language
    st.selectbox(
        say("chat.model"), options, key="model", label_visibility="collapsed", width=220, persist_state="session",
        format_func=lambda name: say("chat.no_model") if name == NO_MODEL else name,
    )  # fmt: skip


def _prepare_bases(conversation: Conversation, bases: Sequence[KnowledgeBase]) -> str:
    """The key of the picker for this conversation, its value set when it is first shown."""
    key = f"bases-{conversation.id or 'new'}"
    there = {base.id for base in bases}
    stored = conversation.thread.knowledge_bases if conversation.thread else last_bases()
    chosen = st.session_state.get(key, stored)
    st.session_state[key] = [base_id for base_id in chosen if base_id in there]
    return key


def last_bases() -> list[str]:
    """What was chosen last, in this visit or an earlier one."""
    kept = dict(st.context.cookies).get(BASES_COOKIE, "")
    chosen: list[str] = st.session_state.get("last-bases", [each for each in unquote(kept).split(".") if each])
    return chosen


def remember_bases(chosen: Sequence[str]) -> None:
    """The next conversation begins with these."""
    st.session_state["last-bases"] = list(chosen)


def _keep_bases(thread_id: str, key: str) -> None:
    remember_bases(st.session_state[key])
    if not thread_id:
        return
    note_change(thread_id)
    try:
        api().change_thread(thread_id, knowledge_bases=list(st.session_state[key]))
    except ApiError as error:
        remember_error(error)


def _submit(conversation: Conversation, base_key: str) -> None:
    text = (st.session_state.get("question") or "").strip()
    if text:
        follow_newest(conversation)
        parent_id = conversation.last_id if conversation.aside else None
        bases = st.session_state.get(base_key, [])
        ask(conversation.id, text, bases=bases, model=_chosen_model(), parent_id=parent_id)


def _chosen_model() -> str | None:
    model: str | None = st.session_state.get("model")
    return model
