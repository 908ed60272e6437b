"""The tools themselves: what they are, what holds for a call, and trying one with a form made of its parameters."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.runs.results import as_json, draw_result
from frontend.runs.schema_form import FieldMissing, Unreadable, draw_arguments, read_arguments
from frontend.runs.timeline import reason_in_words, risk_badge
from frontend.session import explain, language, notify, remember_error, texts
from frontend.tools.api import tools_api
from frontend.tools.paging import draw_pages, page_start
from frontend.tools.wording import about, parameters_in_words, unavailable
from frontend.views import Tool, ToolResult

SETTINGS = ("default", "allow", "ask", "off")


def draw_tools() -> None:
    """Every tool, or those that fit what is typed. Raises ApiError."""
    say = texts()
    query = st.text_input(say("tools.search"), key="tool-search", icon=":material/search:")
    start = page_start("tools", query)
    found = tools_api().tools(query, start)
    for name, problem in found.problems.items():
        st.warning(f"{plain_label(name)}: {plain_label(problem)}", icon=":material/warning:")
    names = [each.name for each in found.items]
    first = next((at for at, each in enumerate(found.items) if each.risk == "read"), 0)
    chosen = st.selectbox(say("tools.tool"), names, key="tool-chosen", index=first if names else None)
    tool = next((each for each in found.items if each.name == chosen), None)
    if tool is not None:
        _draw(tool)
    rows = [
        {
            say("tools.tool"): each.name,
            say("tools.source"): each.source,
            say("tools.risk"): say(f"tools.risk_{each.risk}"),
            say("tools.policy"): say(f"tools.policy_{each.policy}"),
            say("tools.title"): each.titles.get(language(), each.title),
            say("tools.about"): unavailable(each) or about(each),
        }
        for each in found.items
    ]
    st.dataframe(rows, hide_index=True)
    draw_pages("tools", start, len(found.items), found.total)


def _draw(tool: Tool) -> None:
    say = texts()
    with st.container(border=True, key="tool-open"):
        st.markdown(f"**{plain_label(tool.titles.get(language()) or tool.title or tool.name)}**")
        st.text(about(tool))
        st.caption(f"{say(f'tools.risk_{tool.risk}')} · {say(f'tools.policy_{tool.policy}')}")
        if reason := unavailable(tool):
            st.warning(plain_label(reason))
        key = f"setting-{tool.name}"
        st.selectbox(
            say("tools.setting"), SETTINGS, index=SETTINGS.index(tool.setting or "default"), key=key,
            format_func=lambda name: say(f"tools.setting_{name}"), on_change=_decide, args=(tool.name, key),
        )  # fmt: skip
        if tool.available:
            _draw_try(tool)


def _decide(name: str, key: str) -> None:
    chosen = st.session_state[key]
    try:
        tools_api().decide(name, None if chosen == "default" else chosen)
    except ApiError as error:
        remember_error(error)
    else:
        notify(texts()("tools.setting_saved"))


def _draw_try(tool: Tool) -> None:
    say = texts()
    with st.form(f"try-{tool.name}", border=False):
        draw_arguments(parameters_in_words(tool.name, tool.source, tool.parameters), {}, f"try-{tool.name}")
        with st.container(horizontal=True):
            call = st.form_submit_button(say("tools.call"), type="primary", icon=":material/play_arrow:")
            preview = st.form_submit_button(say("tools.preview"), icon=":material/visibility:")
    results: dict[str, ToolResult] = st.session_state.setdefault("tool-results", {})
    if call or preview:
        try:
            arguments = read_arguments(tool.parameters, {}, f"try-{tool.name}")
            with st.spinner(say("tools.calling")):
                results[tool.name] = tools_api().call(tool.name, arguments, dry_run=preview)
        except Unreadable as error:
            kind = "missing" if isinstance(error, FieldMissing) else "unreadable"
            st.error(say(f"tools.field_{kind}", name=plain_label(str(error))), icon=":material/edit:")
        except ApiError as error:
            results.pop(tool.name, None)
            st.error(explain(error), icon=":material/error:")
    result = results.get(tool.name)
    if result is not None:
        _draw_outcome(tool.name, result)


def _draw_outcome(name: str, result: ToolResult) -> None:
    say = texts()
    if result.approval_id:
        reason = plain_label(reason_in_words(result.reason, result.reason_code))
        badge = risk_badge(result.risk) if result.risk else ""
        st.warning(f"**{say('approval.title')}** {badge} {reason}", icon=":material/front_hand:")
        st.code(as_json(result.arguments), language="json")
        with st.container(horizontal=True):
            for approved, label in ((True, say("approval.approve")), (False, say("approval.reject"))):
                st.button(
                    label, key=f"decide-{approved}-{result.approval_id}-{result.round}", on_click=_decide_call,
                    args=(name, result.approval_id, approved),
                )  # fmt: skip
    elif result.status == "dry_run":
        st.caption(say("tools.would_send"))
        request = (result.preview or {}).get("request")
        st.code(request if isinstance(request, str) else as_json(result.preview or {}), language=None)
    else:
        if result.status in ("failed", "denied"):
            st.error(say("tools.call_failed"), icon=":material/error:")
        draw_result({"output": result.output, "view": result.view, "data": result.data, "words": result.words})


def _decide_call(name: str, approval_id: str, approved: bool) -> None:
    results = st.session_state.setdefault("tool-results", {})
    try:
        results[name] = tools_api().decide_call(approval_id, approved=approved)
    except ApiError as error:
        results.pop(name, None)
        remember_error(error)
