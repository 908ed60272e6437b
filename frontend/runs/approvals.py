"""What waits for a person: the exact call to approve or reject, and questions to answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.run_trace import Approval
from frontend.runs.results import as_json, draw_text
from frontend.runs.schema_form import FieldMissing, Unreadable, draw_arguments, read_arguments
from frontend.runs.timeline import reason_in_words, risk_badge
from frontend.session import api, language, notify, remember_error, texts
from frontend.tools.wording import parameters_in_words

LONGEST_ANSWER = 10_000


def draw_approvals(run_id: str, pending: Sequence[Approval]) -> None:
    """A card for each; whoever decides first, here or elsewhere, has decided."""
    for approval in pending:
        with st.container(border=True, key=f"approval-{approval.id}"):
            if approval.tool:
                _draw_call(run_id, approval)
            else:
                _draw_question(run_id, approval)


def _draw_call(run_id: str, approval: Approval) -> None:
    say = texts()
    st.markdown(
        f"**{say('approval.title')}** `{approval.tool.replace('`', '')}` {risk_badge(approval.risk)}", anchors=False
    )
    title = str(approval.titles.get(language()) or "")
    about = " · ".join(plain_label(each) for each in (title, approval.source) if each)
    if about:
        st.caption(about)
    reason = reason_in_words(approval.reason, approval.reason_code)
    if reason:
        st.text(reason)
    if approval.risk == "destructive":
        st.warning(say(f"approval.round_{2 if approval.round > 1 else 1}"), icon=":material/warning:")
    draw_text(as_json(approval.arguments), "json")
    key = f"arguments-{approval.id}"
    editing = False
    # The second question is about exactly what the first one approved.
    if approval.arguments and approval.round < 2:
        editing = st.toggle(say("approval.edit"), key=f"edit-{approval.id}")
    with st.form(f"decide-{approval.id}", border=False):
        if editing:
            parameters = parameters_in_words(approval.tool, approval.source, approval.parameters)
            draw_arguments(parameters, approval.arguments, key)
        st.text_input(
            say("approval.comment"), key=f"comment-{approval.id}", placeholder=say("approval.comment_hint"),
            max_chars=2_000,
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            for decision, icon in (("approve", ":material/check:"), ("reject", ":material/block:")):
                st.form_submit_button(
                    say(f"approval.{decision}_edited" if editing and decision == "approve" else f"approval.{decision}"),
                    key=f"{decision}-{approval.id}", icon=icon, on_click=_decide,
                    args=(run_id, approval, decision, editing),
                    type="primary" if decision == "approve" else "secondary",
                )  # fmt: skip
            _draw_expiry(approval)


def _draw_question(run_id: str, approval: Approval) -> None:
    say = texts()
    st.markdown(f":material/help: **{plain_label(approval.reason)}**", anchors=False)
    if approval.options:
        with st.container(horizontal=True, gap="small"):
            for index, option in enumerate(approval.options):
                st.button(
                    plain_label(option), key=f"option-{approval.id}-{index}", on_click=_answer,
                    args=(run_id, approval, option),
                )  # fmt: skip
    with st.form(f"answer-{approval.id}", border=False):
        st.text_area(say("approval.answer"), key=f"text-{approval.id}", max_chars=LONGEST_ANSWER, height="content")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                say("chat.send"), key=f"send-{approval.id}", type="primary", on_click=_answer, args=(run_id, approval)
            )
            _draw_expiry(approval)


def _draw_expiry(approval: Approval) -> None:
    until = _moment(approval.expires_at)
    if until is None:
        return
    say, left = texts(), (until - datetime.now(UTC)).total_seconds()
    when = until.strftime("%Y-%m-%d %H:%M UTC")
    if left <= 0:
        st.caption(say("approval.expired", when=when), width="content")
        return
    name, size = next(
        ((n, s) for n, s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)) if left >= s), ("minutes", 60)
    )
    time = say(f"approval.{name}", count=max(1, int(left // size)))
    st.caption(say("approval.expires", time=time, when=when), width="content")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decide(run_id: str, approval: Approval, decision: str, editing: bool) -> None:
    say = texts()
    body: dict[str, Any] = {"decision": decision}
    comment = str(st.session_state.get(f"comment-{approval.id}") or "").strip()
    if comment:
        body["comment"] = comment
    if decision == "approve" and editing:
        try:
            edited = read_arguments(approval.parameters, approval.arguments, f"arguments-{approval.id}")
        except Unreadable as error:
            kind = "missing" if isinstance(error, FieldMissing) else "unreadable"
            st.session_state["problem"] = say(f"approval.{kind}", name=plain_label(str(error)))
            return
        if edited != approval.arguments:
            body["arguments"] = edited
    _send(run_id, approval, body)


def _answer(run_id: str, approval: Approval, answer: str = "") -> None:
    answer = answer or str(st.session_state.get(f"text-{approval.id}") or "").strip()
    if not answer:
        st.session_state["problem"] = texts()("approval.answer_missing")
        return
    _send(run_id, approval, {"decision": "approve", "comment": answer})


def _send(run_id: str, approval: Approval, body: dict[str, Any]) -> None:
    try:
        api().decide(run_id, approval.id, body)
    except ApiError as error:
        remember_error(error)
    else:
        # Until the run says so itself; a card that has been answered is not offered again meanwhile.
        approval.decision, approval.comment = body["decision"], body.get("comment", "")
        notify(texts()(f"approval.done_{body['decision']}"))
