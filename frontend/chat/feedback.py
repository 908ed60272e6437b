"""Thumbs below an answer, with reasons and a comment."""

from __future__ import annotations

import streamlit as st

from frontend.client import ApiError
from frontend.session import api, notify, remember_error, texts
from frontend.views import Message

REASONS = {
    "up": ("correct", "complete", "well_sourced"),
    "down": ("wrong", "incomplete", "wrong_source", "not_understood", "outdated"),
}
RATINGS = ("down", "up")
"""By the value of the thumbs widget."""


def draw_feedback(message: Message) -> None:
    """The thumbs, and beside a rating given the place for more."""
    say = texts()
    key = f"thumbs-{message.id}"
    given = message.feedback
    if key not in st.session_state and given is not None:
        st.session_state[key] = RATINGS.index(given.rating)
    st.feedback("thumbs", key=key, on_change=_rate, args=(message.id, key))
    if given is None:
        return
    with st.popover(say("feedback.more"), type="tertiary", key=f"more-{message.id}", on_change="rerun"):
        reasons_key, comment_key = f"reasons-{message.id}-{given.rating}", f"comment-{message.id}"
        with st.form(f"feedback-{message.id}", border=False):
            options = REASONS[given.rating]
            st.pills(
                say("feedback.reasons"), options, selection_mode="multi", key=reasons_key,
                default=[reason for reason in given.reasons if reason in options],
                format_func=lambda reason: say(f"reason.{reason}"),
            )  # fmt: skip
            st.text_area(say("feedback.comment"), value=given.comment, key=comment_key, max_chars=5_000)
            st.form_submit_button(
                say("action.save"), on_click=_explain, args=(message.id, given.rating, reasons_key, comment_key)
            )


def _rate(message_id: str, key: str) -> None:
    value = st.session_state[key]
    try:
        api().give_feedback(message_id, None if value is None else RATINGS[value])
    except ApiError as error:
        remember_error(error)


def _explain(message_id: str, rating: str, reasons_key: str, comment_key: str) -> None:
    try:
        api().give_feedback(message_id, rating, st.session_state[reasons_key], st.session_state[comment_key].strip())
    except ApiError as error:
        remember_error(error)
    else:
        st.session_state[f"more-{message_id}"] = False
        notify(texts()("feedback.thanks"))
