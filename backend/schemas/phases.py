"""Phases as REST shows them, and what is sent to write them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from agents.phases.phase import Requirement
from backend.schemas.base import Body, View

MOST_TEXT = 200_000

Words = dict[Literal["en", "zh"], str]
PhaseText = Annotated[str, Field(max_length=MOST_TEXT, description="The phase as YAML.")]
Comment = Annotated[str, Field(max_length=1000, description="What was changed, and why.")]


class PhaseView(View):
    """A phase that a run can be asked for; also a model of the OpenAI endpoint. `title` and `description` are the
    English ones of `titles` and `descriptions`, which are by language.

    A run without what the phase `requires` fails; `missing` is what of it is not here now, and `reason` says so in a
    sentence; a phase of a user that this version cannot read has a reason and nothing missing. `version` is the newest
    of a user's phase, null for those that come with the product.
    """

    name: str
    title: str = ""
    titles: Words = Field(default_factory=dict)
    description: str = ""
    descriptions: Words = Field(default_factory=dict)
    requires: list[Requirement] = Field(default_factory=list)
    available: bool = True
    missing: list[Requirement] = Field(default_factory=list)
    reason: str = ""
    built_in: bool = True
    is_default: bool = False
    version: int | None = None


class PhaseFinding(View):
    """Something wrong with a text: `line` and `column` count from 1, `hint` says what to write instead."""

    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


class PhaseDetail(PhaseView):
    """A phase with its text (empty where it is made in code), and what is worth knowing about that. `editable`: the
    caller may change it."""

    text: str = ""
    editable: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    warnings: list[PhaseFinding] = Field(default_factory=list)


class PhaseCreate(Body):
    text: PhaseText
    comment: Comment = ""


class PhaseUpdate(Body):
    """`version` is the newest that the caller has read: if there is a newer one, the change is refused with 409. The
    header If-Match says the same."""

    text: PhaseText
    comment: Comment = ""
    version: int | None = Field(default=None, ge=1, le=1_000_000_000)


class PhaseCheckCreate(Body):
    """`text` is only looked at. `name` is that of the phase which it is to change; null for a new one."""

    text: PhaseText
    name: str | None = Field(default=None, max_length=100)


class PhaseGraph(View):
    """The picture of a phase, as a Mermaid flowchart and in the language of Graphviz."""

    mermaid: str
    dot: str


class PhaseCheck(View):
    """`ok`: the text can be saved. `errors` keep it from that, `warnings` do not. `graph`: its picture then."""

    ok: bool
    name: str | None
    errors: list[PhaseFinding]
    warnings: list[PhaseFinding]
    graph: PhaseGraph | None = None


class PhaseVersionView(View):
    version: int
    author_id: str
    comment: str
    created_at: datetime


class PhaseVersionText(View):
    version: int
    text: str


class PhaseRollback(Body):
    comment: Comment = ""


class PhaseDiff(View):
    """What changed between two versions, as a unified diff; empty when nothing did."""

    from_version: int
    to_version: int
    diff: str
