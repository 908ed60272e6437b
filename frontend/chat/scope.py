"""What the next question is asked of, above the composer: which bases, and what of them is still being made."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.progress import duration
from frontend.client import ApiError
from frontend.session import api, texts
from frontend.views import Job, KnowledgeBase

LOOK_EVERY_S = 3.0
MOST_LOOKED_UP = 3
"""Builds whose time left is asked for at once."""


def draw_scope(bases: Sequence[KnowledgeBase], chosen: Sequence[str]) -> None:
    """One line for each base among those asked that is not whole yet; looked up again while there is any."""
    asked = asked_of(bases, chosen)
    if any(_is_unfinished(base) for base in asked):
        _watch(tuple(base.id for base in asked))


@st.fragment(run_every=LOOK_EVERY_S)
def _watch(asked: tuple[str, ...]) -> None:
    try:
        bases = [base for base in api().knowledge_bases() if base.id in asked]
        unfinished = [base for base in bases if _is_unfinished(base)]
        jobs = {base.id: _job(base) for base in unfinished[:MOST_LOOKED_UP]}
    except ApiError:
        return  # the page says so
    if not unfinished:
        st.rerun()
    with st.container(gap=None, key="scope"):
        for base in unfinished:
            st.caption(f":material/hourglass_top: **{plain_label(base.name)}**: {state_of(base, jobs.get(base.id))}")


def state_of(base: KnowledgeBase, job: Job | None) -> str:
    """How a base can be searched now, and when it can be searched better, as far as that is known."""
    say = texts()
    waiting = sum(stage.total - stage.done for stage in job.stages if stage.name == "parsed") if job else 0
    missing = [index for index in base.behind if index.name != "words"]
    said = [say("scope.reading", count=waiting)] if waiting > 0 else []
    if not base.chunk_count:
        return " · ".join(said) or say("scope.empty")
    if not missing:
        return " · ".join(said) or say("scope.nearly")
    seconds = _left(job)
    done = min(index.done / index.total for index in missing if index.total)
    said.append(
        say("scope.meaning_in", time=duration(seconds)) if seconds else say("scope.meaning", share=f"{done:.0%}")
    )
    return " · ".join(said)


def _left(job: Job | None) -> float | None:
    """Seconds until the vectors are made; None while nobody can tell."""
    if job is None:
        return None
    left = [stage.eta_s for stage in job.stages if stage.name.startswith("vectors") and stage.done < stage.total]
    known = [each for each in left if each]
    return sum(known) if known and len(known) == len(left) else None


def asked_of(bases: Sequence[KnowledgeBase], chosen: Sequence[str]) -> list[KnowledgeBase]:
    """The bases that the next question is asked of: those chosen; when there are none, all but the guide of this
    product, as the server does it; the guide, too, while no other has a document."""
    if chosen:
        return [base for base in bases if base.id in chosen]
    own = [base for base in bases if not base.is_sample]
    return own if any(base.document_count for base in own) else list(bases)


def _is_unfinished(base: KnowledgeBase) -> bool:
    return bool(base.active_job_id or base.behind)


def _job(base: KnowledgeBase) -> Job | None:
    return api().job(base.active_job_id) if base.active_job_id else None


def usual_label(bases: Sequence[KnowledgeBase]) -> str:
    """What stands in the picker while nothing is chosen in it: which bases are asked then."""
    say, asked = texts(), asked_of(bases, ())
    whose = "all" if len(asked) == len(bases) else "own"
    if len(asked) == 1:
        return say("chat.own_base" if whose == "own" else "chat.one_base", name=asked[0].name)
    return say(f"chat.{whose}_bases", count=len(asked)) if asked else say("base.none")
