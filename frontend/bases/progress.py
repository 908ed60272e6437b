"""The builds of a base: how far each stage is, at which rate, how long it will take, what failed, and how to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import api, explain, problem_in_words, remember_error, texts
from frontend.views import Job, KnowledgeBase, Stage

LOOK_EVERY_S = 1.0
CHANGED_EVERY_S = 3.0
REDRAW_EVERY_S = 10.0
COLOURS: dict[str, Literal["gray", "blue", "green", "red", "orange"]] = {
    "queued": "gray",
    "running": "blue",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "orange",
}
ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/autorenew:",
    "succeeded": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}


def draw_builds(
    base_id: str,
    *,
    kind: str = "",
    above: Callable[[str], KnowledgeBase] | None = None,
    drawn: KnowledgeBase | None = None,
) -> None:
    """The newest jobs of a base, of one kind if given, else all but measurements; while one works, they are looked up
    once a second and the page is redrawn at its end. `above` draws what of the base stands above them, at the same
    moments, so that both say the same, and gives the base; where it is no longer as `drawn`, what the rest of the page
    was made of, the page is drawn anew before the end."""
    try:
        jobs = _jobs(base_id, kind)
    except ApiError as error:
        st.error(explain(error))
        return
    active = [job for job in jobs if job.active]
    st.session_state["builds-drawn"] = (time.monotonic(), drawn)
    if active:
        _watch(base_id, kind, above)
        return
    if above is not None:
        above(base_id)
    _draw_all(jobs)


@st.fragment(run_every=LOOK_EVERY_S)
def _watch(base_id: str, kind: str, above: Callable[[str], KnowledgeBase] | None) -> None:
    try:
        jobs = _jobs(base_id, kind)
        base = above(base_id) if above is not None else None
        drawn_at, drawn = st.session_state["builds-drawn"]
        if not any(job.active for job in jobs) or is_outdated(time.monotonic() - drawn_at, drawn, base):
            st.rerun()
    except ApiError as error:
        st.warning(explain(error))
        return
    _draw_all(jobs)


def is_outdated(age: float, drawn: KnowledgeBase | None, base: KnowledgeBase | None) -> bool:
    """Whether what stands around the progress, `age` seconds old, is to be drawn anew: at once when the first documents
    or passages have come, soon when there are more, and now and then in any case."""
    if base is None or drawn is None:
        return age > REDRAW_EVERY_S
    now, then = ((each.document_count, each.waiting_count, each.chunk_count) for each in (base, drawn))
    if list(map(bool, now)) != list(map(bool, then)):
        return True
    return age > (CHANGED_EVERY_S if now != then else REDRAW_EVERY_S)


def _jobs(base_id: str, kind: str) -> list[Job]:
    jobs = api().jobs(base_id, results=False)
    return [job for job in jobs if (job.kind == kind if kind else job.kind != "evaluate")]


def _draw_all(jobs: list[Job]) -> None:
    say = texts()
    active = [job for job in jobs if job.active]
    rest = [job for job in jobs if not job.active]
    for job in active:
        _draw_job(job)
    if not active and rest:
        _draw_job(rest.pop(0))
    if rest:
        with st.expander(say("jobs.earlier", count=len(rest)), key="earlier-jobs"):
            for job in rest:
                _draw_job(job)
    if not jobs:
        st.caption(say("jobs.none"))


def _draw_job(job: Job) -> None:
    with st.container(border=True, key=f"job-{job.id}"):
        _draw_heading(job)
        if job.error:
            _draw_error(job)
        stages = [stage for stage in job.stages if stage.total]  # what has nothing to do has nothing to show
        if job.active or job.status == "failed":
            for stage in stages:
                _draw_stage(stage)
        elif stages:
            with st.expander(texts()("jobs.stages"), type="compact", key=f"stages-{job.id}"):
                for stage in stages:
                    _draw_stage(stage)
        _draw_failures(job)


def _draw_error(job: Job) -> None:
    """Why a job failed, in the language of the session, and below it what the server says where that tells more."""
    told, said = problem_in_words(job.error_code, job.error), plain_label(job.error)
    st.error(told, icon=":material/error:")
    if said not in told:
        st.caption(said)


def _draw_heading(job: Job) -> None:
    say = texts()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{say.of('job_kind', job.kind)}**", width="content")
        if job.status == "succeeded" and job.failure_count:
            st.badge(say("jobs.done_partly"), icon=":material/warning:", color="orange")
        else:
            colour = COLOURS.get(job.status, "gray")
            st.badge(say.of("job_status", job.status), icon=ICONS.get(job.status), color=colour)
        if job.stuck:
            st.badge(
                say("jobs.stuck"), icon=":material/hourglass_disabled:", color="orange", help=say("jobs.stuck_help")
            )
        if job.started_at and job.finished_at:
            took = (job.finished_at - job.started_at).total_seconds()
            st.caption(duration(took), width="content")
        if job.active:
            st.button(
                say("action.cancel"), key=f"cancel-{job.id}", icon=":material/stop_circle:", on_click=_cancel,
                args=(job.id,),
            )  # fmt: skip
        elif job.status in ("failed", "cancelled"):
            st.button(
                say("error.retry"), key=f"retry-{job.id}", icon=":material/refresh:", on_click=_retry, args=(job.id,)
            )


def _draw_stage(stage: Stage) -> None:
    say = texts()
    share = min(1.0, stage.done / stage.total) if stage.total else (1.0 if stage.done else 0.0)
    details = [f"{stage.done:,} / {stage.total:,}"]
    if stage.failed:
        details.append(say("jobs.failed", count=stage.failed))
    if stage.rate and stage.done < stage.total:
        details.append(say("jobs.rate", rate=f"{stage.rate:,.1f}" if stage.rate < 10 else f"{stage.rate:,.0f}"))
    if stage.eta_s and stage.done < stage.total:
        details.append(say("jobs.left", time=duration(stage.eta_s)))
    st.progress(share, text=f"{stage_name(stage.name)} · {' · '.join(details)}")


def stage_name(name: str) -> str:
    """A stage in words: `vectors:minilm` is that of one embedder."""
    say = texts()
    kind, _, embedder = name.partition(":")
    return f"{say.of('stage', kind)} ({plain_label(embedder)})" if embedder else say.of("stage", kind)


def duration(seconds: float) -> str:
    """`3 s`, `2 min 5 s`, `1 h 10 min`."""
    say, whole = texts(), max(0, round(seconds))
    if whole < 60:
        return say("chat.seconds", seconds=whole)
    if whole < 3600:
        return say("time.minutes", minutes=whole // 60, seconds=whole % 60)
    return say("time.hours", hours=whole // 3600, minutes=whole % 3600 // 60)


def _draw_failures(job: Job) -> None:
    say = texts()
    if not job.failure_count:
        return
    last = job.failures[-1] if job.failures else None
    if last is not None and job.active:
        st.caption(f"{say('jobs.last_error')}: {plain_label(last.path)}: {problem_in_words(last.code, last.reason)}")
    with st.expander(say("jobs.failures", count=job.failure_count), icon=":material/error:", key=f"failures-{job.id}"):
        rows = [
            {say("documents.path"): each.path, say("jobs.reason"): problem_in_words(each.code, each.reason)}
            for each in job.failures
        ]
        st.dataframe(rows, hide_index=True, alt=say("jobs.failures", count=job.failure_count))


def _cancel(job_id: str) -> None:
    try:
        api().cancel_job(job_id)
    except ApiError as error:
        remember_error(error)


def _retry(job_id: str) -> None:
    try:
        api().retry_job(job_id)
    except ApiError as error:
        remember_error(error)
