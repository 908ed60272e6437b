"""Why these passages: what retrieval found for an answer, the parts of every score, what was used and what dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.run_state import RunState
from frontend.runs.following import state_of
from frontend.session import show_error, texts
from frontend.views import Citation, Message, RetrievedHit

VECTOR = "vector"


def draw_why(message: Message) -> None:
    """A closed section; what it shows is read when it is opened."""
    say = texts()
    key = f"why-{message.id}"
    section = st.expander(say("why.title"), key=key, icon=":material/manage_search:", type="compact", on_change="rerun")
    if not section.open or not message.run_id:
        return
    with section:
        try:
            state = state_of(message.run_id)
        except ApiError as error:
            show_error(error, key)
            return
        _draw(state, message.citations)


def _draw(state: RunState, citations: Sequence[Citation]) -> None:
    say = texts()
    steps = [
        f"{say.of('step', step.name)} {say('chat.milliseconds', number=round(step.duration_ms))}"
        for step in state.steps
        if step.duration_ms is not None
    ]
    if steps:
        st.caption(" · ".join(steps))
    if state.input_tokens or state.output_tokens:
        st.caption(say("why.tokens", given=state.input_tokens, written=state.output_tokens))
    found = state.retrieved
    if found is None or not found.hits:
        st.caption(say("why.nothing"))
        return
    st.caption(f"{say('why.searched')}: {plain_label(found.query)}")
    if found.degraded:
        st.warning(say("why.degraded", names=", ".join(found.degraded)), icon=":material/hourglass_top:")
    parts = sorted({name for hit in found.hits for name in hit.parts})
    st.dataframe(
        [_row(hit, _numbers(hit, citations), parts) for hit in found.hits],
        hide_index=True,
        alt=say("why.title"),
        column_config=score_columns(parts, say("why.score")),
    )


def _numbers(hit: RetrievedHit, citations: Sequence[Citation]) -> str:
    """The numbers under which an answer cites what stands in the hit."""
    inside = {
        each.number
        for each in citations
        if each.document_id == hit.document_id and each.start < hit.end and hit.start < each.end
    }
    return "".join(f"[{number}]" for number in sorted(inside))


def _row(hit: RetrievedHit, numbers: str, parts: list[str]) -> dict[str, Any]:
    say = texts()
    used = numbers or (why_dropped(hit.dropped) if hit.dropped else "–")
    return {
        say("why.rank"): hit.rank,
        say("why.used"): used,
        say("why.score"): hit.score,
        **{part: hit.parts.get(part) for part in parts},
        say("why.document"): hit.title or hit.path,
        say("why.heading"): " › ".join(hit.heading_path),
        say("why.text"): " ".join(hit.text.split())[:400],
    }


def why_dropped(reason: str) -> str:
    """Why a hit was left out, in the language of the session."""
    return texts().of("dropped", "below" if reason.startswith("below the first") else reason)


def part_names(parts: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """A label that a narrow column has room for, and what it stands for; vectors of several embedders are counted."""
    say = texts()
    vectors = [part for part in parts if part.partition(":")[0] == VECTOR]
    named: dict[str, tuple[str, str | None]] = {}
    for part in parts:
        kind, _, embedder = part.partition(":")
        label = say.of("part", kind)
        if part in vectors and len(vectors) > 1:
            label = f"{label} {vectors.index(part) + 1}"
        told = say.of("part_help", kind)
        named[part] = (label, None if told == kind else told.replace("{name}", embedder))
    return named


def score_columns(parts: list[str], score: str) -> dict[str, Any]:
    """Bars from 0 to 1 for the score and its parts."""
    say = texts()
    named = {score: (score, None), **part_names(parts)}
    columns: dict[str, Any] = {
        name: st.column_config.ProgressColumn(label, help=told, min_value=0, max_value=1, format="%.2f", width="small")
        for name, (label, told) in named.items()
    }
    columns[say("why.rank")] = st.column_config.NumberColumn(width="small", pinned=True)
    return columns
