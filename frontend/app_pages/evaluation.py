"""Evaluation: how well a base finds and answers a file of questions with known sources."""

from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.progress import draw_builds, duration
from frontend.client import ApiError
from frontend.session import api, explain, show_error, texts
from frontend.views import Job

SHARES = ("hit_at_1", "hit_at_5", "hit_at_10", "mrr_at_10", "ndcg_at_10", "quote_recall", "answer_cover")
ENOUGH = 0.7
VERDICTS = ("answered_rate", "refusal_rate", "wrong_refusal_rate")
EXAMPLE = (
    '{"id": "q1", "question": "How do we roll back?", "kind": "howto", '
    '"answers": [{"doc": "runbook.md", "quote": "Run kubectl rollout undo."}], "answer": "kubectl rollout undo"}'
)

say = texts()


def draw_form(names: dict[str, str]) -> str:
    base_id = st.selectbox(
        say("evaluation.base"), list(names), format_func=lambda each: names.get(each, "?"), key="evaluated-base",
        persist_state="session",
    )  # fmt: skip
    with st.form("evaluate", border=True, clear_on_submit=True):
        file = st.file_uploader(say("evaluation.file"), type=["jsonl", "json", "ndjson"], key="questions")
        with st.popover(say("evaluation.form"), type="tertiary"):
            st.markdown(say("evaluation.form_help"))
            st.code(EXAMPLE, language="json", wrap_lines=True)
        pressed = st.form_submit_button(say("evaluation.run"), type="primary", icon=":material/play_arrow:")
    if pressed and file is None:
        st.warning(say("evaluation.file_missing"))
    elif pressed and file is not None:
        try:
            api().evaluate(base_id, (file.name, file))
        except ApiError as error:
            st.error(explain(error), icon=":material/error:")
    return base_id


def draw_report(job: Job) -> None:
    report: dict[str, Any] = job.result
    with st.container(border=True, key=f"report-{job.id}"):
        took = ""
        if job.started_at and job.finished_at:
            took = duration((job.finished_at - job.started_at).total_seconds())
        counts = say(
            "evaluation.counts", count=report.get("count", 0), unanswerable=report.get("unanswerable_count", 0)
        )
        when = f"{job.finished_at:%Y-%m-%d %H:%M} UTC" if job.finished_at else ""
        file = plain_label(str(report.get("file", "")))
        st.caption(" · ".join(part for part in (file, when, counts, took) if part))
        if unknown := report.get("unknown_documents"):
            sentence = say("evaluation.unknown", count=len(unknown), example=plain_label(str(unknown[0])))
            st.warning(sentence, icon=":material/search_off:")
        with st.grid(4, gap="small"):
            for name in (*SHARES, *VERDICTS):
                value = report.get(name)
                shown = "–" if value is None else f"{value:.3f}"
                st.metric(say(f"metric.{name}"), shown, help=say(f"metric_help.{name}"))
        draw_questions(report.get("per_question") or [])


def draw_questions(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    failed = [row for row in rows if is_failure(row)]
    show_all = st.toggle(say("evaluation.all_questions", count=len(rows)), key="all-questions")
    st.caption(say("evaluation.failures", count=len(failed)))
    shown = rows if show_all else failed
    if shown:
        st.dataframe([flatten(row) for row in shown], hide_index=True, alt=say("evaluation.questions"))


def is_failure(row: dict[str, Any]) -> bool:
    """An unanswerable question told answered; or one told nothing, not found among five, quoted or covered."""
    verdict = row.get("verdict")
    if row.get("answerable") is False:
        return verdict == "answered"
    rank, cover = row.get("rank"), row.get("answer_cover")
    found = rank is not None and 1 <= rank <= 5 and row.get("quotes_found") is not False
    return not found or verdict == "nothing" or (cover is not None and cover < ENOUGH)


def flatten(row: dict[str, Any]) -> dict[str, Any]:
    return {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()}


st.title(say("page.evaluation"), anchor=False)
st.markdown(say("evaluation.intro"))
try:
    bases = {base.id: base.name for base in api().knowledge_bases()}
    if not bases:
        st.info(say("base.none"))
        st.stop()
    chosen = draw_form(bases)
    jobs = [job for job in api().jobs(chosen) if job.kind == "evaluate"]
    if any(job.active or job.status == "failed" for job in jobs[:1]):
        draw_builds(chosen, kind="evaluate")
    done = [job for job in jobs if job.status == "succeeded" and job.result]
    for job in done[:1]:
        draw_report(job)
    if not jobs:
        st.caption(say("evaluation.none"))
except ApiError as problem:
    show_error(problem, "evaluation")
