"""The timeline of a run: a row for each thing done, those finished closed, the one under way open."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.run_state import RunState
from frontend.run_trace import Entry, Trace
from frontend.runs.results import as_json, draw_result, draw_text, in_words
from frontend.session import api, texts

STATES: dict[str, Any] = {"running": "running", "waiting": "running", "done": "complete"}
"""How a row is marked; all others are errors."""
RISK_COLORS = {"read": "gray", "write": "orange", "destructive": "red", "unknown": "orange"}
PLAN_MARKS = {
    "pending": ":material/radio_button_unchecked:",
    "running": ":material/pending:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "dropped": ":material/remove_circle:",
}
LABEL_CHARACTERS = 90


class Timeline:
    """The rows of a trace in the container in which it was made; `update` brings them to the trace as it is now."""

    def __init__(self, run_id: str, *, live: bool) -> None:
        self._run_id = run_id
        self._live = live
        self._slot = st.empty()
        self._container = self._slot.container()
        self._rows: list[tuple[Entry, _Row]] = []

    def update(self, trace: Trace) -> None:
        """Draws what is new, and anew what has changed."""
        kept = 0
        while kept < min(len(self._rows), len(trace.entries)) and self._rows[kept][0] is trace.entries[kept]:
            kept += 1
        if kept < len(self._rows):  # a new attempt told some of it again
            self._container = self._slot.container()
            self._rows.clear()
        with self._container:
            for entry in trace.entries[len(self._rows) :]:
                self._rows.append((entry, _Row(self._run_id, live=self._live)))
                self._rows[-1][1].draw(entry)
        for entry, row in self._rows:
            row.draw(entry)


class _Row:
    def __init__(self, run_id: str, *, live: bool) -> None:
        self._run_id = run_id
        self._live = live
        self._status: Any = None
        self._slot: Any = None
        self._drawn = -1

    def draw(self, entry: Entry) -> None:
        if entry.version == self._drawn:
            return
        self._drawn = entry.version
        state = STATES.get(entry.status, "error")
        has_content = _has_content(entry)
        expanded = self._live and has_content and (entry.status == "running" or entry.kind == "plan")
        if self._status is None:
            self._status = st.status(row_label(entry), type="step", state=state, expanded=expanded)
        else:
            self._status.update(label=row_label(entry), state=state, expanded=expanded)
        if has_content:
            if self._slot is None:
                self._slot = self._status.empty()
            with self._slot.container():
                self._draw_content(entry)

    def _draw_content(self, entry: Entry) -> None:
        say, data = texts(), entry.data
        if entry.kind == "plan":
            st.markdown("\n\n".join(_plan_line(step) for step in data.get("steps") or [] if isinstance(step, dict)))
        elif entry.kind == "thought":
            draw_text(str(data.get("text", "")))
        elif entry.kind == "tool":
            if data.get("arguments"):
                st.caption(say("timeline.arguments"))
                draw_text(as_json(data["arguments"]), "json")
            if data.get("evidence"):
                st.markdown("\n".join(_evidence_line(each) for each in data["evidence"] if isinstance(each, dict)))
            elif entry.status != "running":
                draw_result(data)
            self._offer_whole(entry)
        elif entry.kind == "approval":
            st.text(reason_in_words(str(data.get("reason", "")), str(data.get("reason_code", ""))))
            if data.get("arguments"):
                draw_text(as_json(data["arguments"]), "json")
        else:
            st.text(str(data.get("message") or entry.detail))

    def _offer_whole(self, entry: Entry) -> None:
        artifact = entry.data.get("artifact_id")
        if isinstance(artifact, str) and artifact and not self._live:
            st.download_button(
                texts()("timeline.whole"), key=f"whole-{self._run_id}-{entry.id}", icon=":material/download:",
                data=partial(api().artifact, artifact), file_name=f"{entry.title or 'output'}.txt", type="tertiary",
                on_click="ignore",
            )  # fmt: skip


def _has_content(entry: Entry) -> bool:
    if entry.kind in ("plan", "thought", "tool", "approval"):
        return True
    return bool(entry.data.get("message")) or len(entry.detail) > LABEL_CHARACTERS


def row_label(entry: Entry) -> str:
    """A row in one line: what, what came of it, how long."""
    parts = [_NAMES.get(entry.kind, _plain_name)(entry)]
    if entry.status in ("waiting", "denied", "interrupted") and entry.kind != "approval":
        parts.append(texts().of("entry_status", entry.status))
    if entry.duration_ms is not None:
        parts.append(duration(entry.duration_ms))
    return " · ".join(filter(None, parts))


def duration(milliseconds: float) -> str:
    """A time for people."""
    say = texts()
    if milliseconds < 1000:
        return say("chat.milliseconds", number=round(milliseconds))
    return say("chat.seconds", seconds=f"{milliseconds / 1000:.1f}")


def waiting_in_words(seconds: float) -> str:
    """How long people were waited for; empty where they were not."""
    return texts()("runs.waited_for", time=duration(seconds * 1000)) if seconds else ""


def summary(state: RunState) -> str:
    """What a run came to in one line: rows, tool calls, tokens, time."""
    say, trace = texts(), state.trace
    parts = [say("timeline.title")]
    if trace.tool_calls:
        parts.append(say("timeline.tool_calls", count=trace.tool_calls))
    if state.input_tokens or state.output_tokens:
        parts.append(say("timeline.tokens", count=state.input_tokens + state.output_tokens))
    if state.duration_ms and not state.waits:  # after a wait it is that of the last attempt alone
        parts.append(duration(state.duration_ms))
    return " · ".join(parts)


def risk_badge(risk: str) -> str:
    """What a call may do, as a badge for a label."""
    return f":{RISK_COLORS.get(risk, 'orange')}-badge[{plain_label(texts().of('risk', risk))}]"


def reason_in_words(reason: str, code: str) -> str:
    """Why a person is asked, in the session's language; empty where the badge of its risk tells it already."""
    known = texts().of("approval_reason", code)
    return "" if code in ("changes", "destroys") else reason if known == code else known


def shorten(text: str, most: int = LABEL_CHARACTERS) -> str:
    """Text in one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _plan_line(step: dict[str, Any]) -> str:
    status = str(step.get("status", "pending"))
    text = plain_label(str(step.get("text", "")))
    text = f"~~{text}~~" if status == "dropped" else f"**{text}**" if status == "running" else text
    return f"{PLAN_MARKS.get(status, PLAN_MARKS['pending'])} {text}"


def _evidence_line(passage: dict[str, Any]) -> str:
    headings = passage.get("heading_path")
    where = [str(passage.get("title") or passage.get("path") or ""), *(headings if isinstance(headings, list) else [])]
    return f"- \\[{passage.get('number')}\\] {plain_label(' › '.join(map(str, where)))}"


def _plain_name(entry: Entry) -> str:
    name = plain_label(texts().of("step", entry.title))
    return f"{name} · {plain_label(shorten(entry.detail))}" if entry.detail else name


def _agent_name(entry: Entry) -> str:
    say, data = texts(), entry.data
    role = str(data.get("role", ""))
    result = str(data.get("result") or "")
    came = "" if result == "done" else say.of("agent_result", result) if result else str(data.get("detail") or "")
    parts = [f"**{plain_label(entry.title)}**", plain_label(say.of("agent_role", role)) if role else ""]
    return " · ".join(filter(None, [*parts, plain_label(shorten(came))]))


def _tool_name(entry: Entry) -> str:
    risk = str(entry.data.get("risk", "read"))
    parts = [f"`{entry.title.replace('`', '')}`", "" if risk == "read" else risk_badge(risk)]
    parts.append(plain_label(shorten(in_words(entry.data) or str(entry.data.get("summary", "")))))
    return " ".join(filter(None, parts))


def _plan_name(entry: Entry) -> str:
    steps = [step for step in entry.data.get("steps") or [] if isinstance(step, dict)]
    done = sum(step.get("status") == "done" for step in steps)
    return f"**{texts()('timeline.plan', done=done, count=len(steps))}**"


def _thought_name(entry: Entry) -> str:
    return f"{texts()('timeline.thought')}: *{plain_label(shorten(str(entry.data.get('text', ''))))}*"


def _approval_name(entry: Entry) -> str:
    say = texts()
    asked = f"`{entry.title.replace('`', '')}`" if entry.title else plain_label(shorten(str(entry.data.get("reason"))))
    state = say.of("entry_status", "approved" if entry.status == "done" else entry.status)
    return f"{say('timeline.approval' if entry.title else 'timeline.question')}: {asked} · {state}"


def _budget_name(entry: Entry) -> str:
    say, data = texts(), entry.data
    return say(
        "timeline.budget", limit=say.of("limit", entry.title), used=data.get("used"), allowed=data.get("allowed")
    )


_NAMES = {
    "agent": _agent_name,
    "tool": _tool_name,
    "plan": _plan_name,
    "thought": _thought_name,
    "approval": _approval_name,
    "budget": _budget_name,
}
