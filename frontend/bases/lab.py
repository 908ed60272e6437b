"""The retrieval lab: ask a base, see every hit with the parts of its score, and what was dropped and why."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.why import score_columns, why_dropped
from frontend.session import api, shown_errors, texts
from frontend.source_panel import Place, want_source
from frontend.views import Hit, KnowledgeBase, SearchResponse


def draw_lab(base: KnowledgeBase) -> None:
    """The question, and what it finds."""
    say = texts()
    with st.form("lab", border=False):
        query = st.text_input(say("lab.question"), key="lab-query", max_chars=10_000)
        top_k = st.slider(say("lab.top_k"), 1, 50, 10, key="lab-top-k")
        st.form_submit_button(say("lab.search"), type="primary", icon=":material/search:")
    if not query.strip():
        st.caption(say("lab.hint"))
        return
    with shown_errors("lab"):
        _draw(api().search(base.id, query, top_k=top_k))


def _draw(found: SearchResponse) -> None:
    say = texts()
    if found.degraded:
        st.warning(say("why.degraded", names=", ".join(found.degraded)), icon=":material/hourglass_top:")
    kept = [hit for hit in found.hits if not hit.dropped]
    dropped = [hit for hit in found.hits if hit.dropped]
    st.caption(say("lab.found", kept=len(kept), dropped=len(dropped), milliseconds=round(found.duration_ms)))
    if not found.hits:
        st.info(say("why.nothing"), icon=":material/search_off:")
        return
    parts = sorted({name for hit in found.hits for name in hit.parts})
    st.dataframe(
        [_row(hit, parts) for hit in found.hits], hide_index=True, alt=say("lab.table"),
        column_config=score_columns(parts, say("why.score")),
    )  # fmt: skip
    for hit in kept:
        _draw_hit(hit)


def _row(hit: Hit, parts: list[str]) -> dict[str, object]:
    say = texts()
    return {
        say("why.rank"): hit.rank,
        say("why.score"): hit.score,
        **{part: hit.parts.get(part) for part in parts},
        say("why.document"): hit.document.title or hit.document.path,
        say("why.heading"): " › ".join(hit.heading_path),
        say("lab.dropped"): why_dropped(hit.dropped) if hit.dropped else "",
    }


def _draw_hit(hit: Hit) -> None:
    say = texts()
    label = f"{hit.rank}. {hit.document.title or hit.document.path} · {hit.score:.2f}"
    with st.expander(plain_label(label), key=f"hit-{hit.chunk_id}"):
        st.caption(plain_label(" › ".join([hit.document.path, *hit.heading_path])))
        st.code(hit.text, language=None, wrap_lines=True)
        place = Place(
            knowledge_base_id=hit.document.knowledge_base_id, document_id=hit.document.id, start=hit.start,
            end=hit.end, heading_path=tuple(hit.heading_path), anchor=hit.anchor,
        )  # fmt: skip
        st.button(
            say("lab.open"), key=f"open-hit-{hit.chunk_id}", icon=":material/description:", on_click=want_source,
            args=(place,),
        )  # fmt: skip
