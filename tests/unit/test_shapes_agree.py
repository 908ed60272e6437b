"""The same thing has the same shape on every floor that it crosses, though no floor imports another's for it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from agents import evidence
from agents.commands import grammar
from agents.events import FRAME_KINDS, TERMINAL_KINDS, Retrieved, RunEvent
from backend import limits, schemas
from frontend import run_state, run_stream, run_trace, views
from frontend.chat import composer
from frontend.views import conversations

KINDS = {event.__dataclass_fields__["kind"].default for event in RunEvent.__args__}


def names_of(shape: type[Any]) -> set[str]:
    return {each.name for each in fields(shape)}


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (evidence.Citation, schemas.CitationView),
        (evidence.CalledTool, schemas.CalledToolView),
        (evidence.Nearest, schemas.NearestView),
    ],
)
def test_rest_shows_what_events_hold(told: type[Any], shown: type[Any]) -> None:
    assert set(shown.model_fields) == names_of(told)


@pytest.mark.parametrize(
    ("told", "drawn"),
    [
        (evidence.Citation, conversations.Citation),
        (evidence.CalledTool, conversations.CalledTool),
        (evidence.Nearest, conversations.Nearest),
        (evidence.RetrievedHit, conversations.RetrievedHit),
        (evidence.Evidence, conversations.Evidence),
        (Retrieved, views.Retrieved),
    ],
)
def test_the_browser_draws_nothing_that_no_event_holds(told: type[Any], drawn: type[Any]) -> None:
    assert names_of(drawn) <= names_of(told)


@pytest.mark.parametrize(
    ("answered", "drawn"),
    [
        (schemas.ThreadView, conversations.Thread),
        (schemas.MessageView, conversations.Message),
        (schemas.RunView, conversations.Run),
        (schemas.CommandView, conversations.Command),
        (schemas.JobView, views.Job),
        (schemas.StageView, views.Stage),
        (schemas.FileRefusal, views.FileRefusal),
        (schemas.DocumentView, views.Document),
        (schemas.SourceView, views.Source),
    ],
)
def test_the_browser_draws_nothing_that_rest_does_not_answer(answered: type[Any], drawn: type[Any]) -> None:
    assert names_of(drawn) <= set(answered.model_fields)


def test_both_sides_agree_on_which_events_end_a_run() -> None:
    assert run_stream.TERMINAL_KINDS == TERMINAL_KINDS <= KINDS
    assert run_stream.FRAME_KINDS == FRAME_KINDS <= KINDS


@pytest.mark.parametrize("reader", [run_state.RunState, run_trace.Trace])
def test_the_browser_waits_for_no_kind_of_event_that_there_is_not(reader: type[Any]) -> None:
    handled = {name.removeprefix("_on_") for name in vars(reader) if name.startswith("_on_")}
    assert handled
    assert handled <= KINDS


def test_both_sides_agree_on_words_and_limits() -> None:
    assert conversations.COMMAND == grammar.COMMAND
    assert composer.LONGEST_QUESTION == limits.LONGEST_QUESTION
