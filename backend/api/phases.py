"""Phases: those that come with the product, and those that users write, with every version of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import unified_diff
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy import Connection

from agents.phases.builtin import built_in_text
from agents.phases.catalogue import PhaseEntry
from agents.phases.definition import PhaseDefinition
from agents.phases.findings import Finding
from agents.phases.phase import Requirement
from agents.phases.picture import Language, dot, draw, mermaid
from agents.phases.reading import read
from agents.phases.spec import DEFAULT_PHASE
from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.errors import Invalid, Missing, ReadOnly
from backend.phases.availability import REASONS
from backend.phases.schema import phase_schema
from backend.phases.store import PhaseStore, own_phase
from backend.phases.types import StoredPhase
from backend.phases.writing import checked, look_at
from backend.schemas import (
    Page,
    PhaseCheck,
    PhaseCheckCreate,
    PhaseCreate,
    PhaseDetail,
    PhaseDiff,
    PhaseFinding,
    PhaseGraph,
    PhaseRollback,
    PhaseUpdate,
    PhaseVersionText,
    PhaseVersionView,
    PhaseView,
)
from knowledge.types import Scope

router = APIRouter(prefix="/phases", tags=["phases"])

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=100, description="The newest version, in quotes.")]
Number = Annotated[int, Query(ge=1, le=1_000_000_000)]


@router.get("")
def list_phases(container: Here, scope: Caller) -> Page[PhaseView]:
    """What a run can be asked to be: the phases of the product first, then those of users by name."""
    with container.database.read() as connection:
        entries = [*container.phases.reserved_entries()]
        entries += [container.phases.own_entry(own_phase(each)) for each in PhaseStore(connection, scope).all()]
        absent = container.abilities.missing(connection, scope, REASONS)
    return Page(items=[PhaseView(**_shown(each, absent)) for each in entries])


@router.post("", status_code=201, responses=problems(409))
def create_phase(body: PhaseCreate, container: Here, scope: Caller, creating: Creating) -> PhaseDetail:
    """Keep a new phase, under the name that its text gives it. A text with errors is refused with all of them in
    `errors` (422 `phase_invalid`)."""
    definition = checked(body.text, container.phases, tools=_tools(container, scope))

    def make(connection: Connection) -> PhaseDetail:
        stored = PhaseStore(connection, scope).create(definition.name, body.text, body.comment)
        return _detail(connection, container, scope, stored)

    return creating.once(body, PhaseDetail, make)


@router.post("/check")
def check_phase(body: PhaseCheckCreate, container: Here, scope: Caller, language: Language = "en") -> PhaseCheck:
    """Say what is wrong with a text, and keep nothing."""
    reading = look_at(body.text, container.phases, name=body.name, tools=_tools(container, scope))
    return PhaseCheck(
        ok=reading.definition is not None,
        name=reading.definition.name if reading.definition is not None else None,
        errors=_findings(reading.errors),
        warnings=_findings([each for each in reading.findings if each.severity == "warning"]),
        graph=_graph(reading.definition, language) if reading.definition is not None else None,
    )


@router.get("/schema")
def get_phase_schema() -> dict[str, Any]:
    """The JSON Schema of phases, for editors."""
    return phase_schema()


@router.get("/{name}", responses=problems(404))
def get_phase(name: str, container: Here, scope: Caller) -> PhaseDetail:
    """One phase with its text."""
    with container.database.read() as connection:
        stored = PhaseStore(connection, scope).find(name)
        if stored is not None:
            return _detail(connection, container, scope, stored)
        entry = _reserved(container, name)
        text = built_in_text(name) if entry.definition is not None else ""
        absent = container.abilities.missing(connection, scope, entry.requires)
        return PhaseDetail(**_shown(entry, absent), text=text)


@router.put("/{name}", responses=problems(404, 409))
def change_phase(name: str, body: PhaseUpdate, container: Here, scope: Caller, if_match: IfMatch = None) -> PhaseDetail:
    """Save a new version. Say which is the newest that you know, and a save of somebody else in between is not lost:
    409 `version_conflict`."""
    expected = body.version if body.version is not None else _version_of(if_match)
    with container.database.write() as connection:
        _check_own(connection, container, scope, name)
        checked(body.text, container.phases, name=name)
        stored = PhaseStore(connection, scope).change(name, body.text, body.comment, expected=expected)
        return _detail(connection, container, scope, stored)


@router.delete("/{name}", status_code=204, responses=problems(404, 409))
def delete_phase(name: str, container: Here, scope: Caller) -> Response:
    """Forget a phase and all its versions. Runs of it that still wait fail when they go on."""
    with container.database.write() as connection:
        _check_own(connection, container, scope, name)
        PhaseStore(connection, scope).delete(name)
    return Response(status_code=204)


@router.get("/{name}/graph", responses=problems(404, 409))
def get_phase_graph(name: str, container: Here, scope: Caller, language: Language = "en") -> PhaseGraph:
    """The phase as a picture."""
    with container.database.read() as connection:
        stored = PhaseStore(connection, scope).find(name)
    entry = _reserved(container, name) if stored is None else container.phases.own_entry(own_phase(stored))
    if entry.definition is None:
        raise ReadOnly(entry.problem or "This phase is made in code and has no picture.")
    return _graph(entry.definition, language)


@router.get("/{name}/versions", responses=problems(404))
def list_phase_versions(
    name: str, container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = ""
) -> Page[PhaseVersionView]:
    """The saves of a phase, the newest first; a phase that comes with the product has none."""
    with container.database.read() as connection:
        store = PhaseStore(connection, scope)
        if store.find(name) is None:
            _reserved(container, name)
            return Page(items=[])
        versions, following = store.versions(name, limit, cursor)
    return Page(items=[PhaseVersionView.model_validate(each) for each in versions], next_cursor=following)


@router.get("/{name}/versions/{number}", responses=problems(404))
def get_phase_version(name: str, number: int, container: Here, scope: Caller) -> PhaseVersionText:
    """The text of a version."""
    with container.database.read() as connection:
        return PhaseVersionText.model_validate(PhaseStore(connection, scope).get(name, _bounded(number)))


@router.post("/{name}/versions/{number}/rollback", responses=problems(404, 409))
def roll_phase_back(
    name: str, number: int, body: PhaseRollback, container: Here, scope: Caller, if_match: IfMatch = None
) -> PhaseDetail:
    """Save the text of an earlier version as a new one."""
    with container.database.write() as connection:
        _check_own(connection, container, scope, name)
        store = PhaseStore(connection, scope)
        text = store.get(name, _bounded(number)).text
        checked(text, container.phases, name=name)
        comment = body.comment or f"Back to version {number}."
        return _detail(connection, container, scope, store.change(name, text, comment, expected=_version_of(if_match)))


@router.get("/{name}/diff", responses=problems(404))
def diff_phase(
    name: str, container: Here, scope: Caller, from_: Annotated[Number, Query(alias="from")], to: Number
) -> PhaseDiff:
    """What changed between two versions."""
    with container.database.read() as connection:
        store = PhaseStore(connection, scope)
        before, after = store.get(name, from_).text, store.get(name, to).text
    lines = unified_diff(before.splitlines(), after.splitlines(), f"{name} {from_}", f"{name} {to}", lineterm="", n=3)
    return PhaseDiff(from_version=from_, to_version=to, diff="\n".join(lines))


def _detail(connection: Connection, container: Container, scope: Scope, stored: StoredPhase) -> PhaseDetail:
    entry = container.phases.own_entry(own_phase(stored))
    reading = read(stored.text, tools=_tools(container, scope, connection))
    return PhaseDetail(
        **_shown(entry, container.abilities.missing(connection, scope, entry.requires)),
        text=stored.text,
        editable=stored.owner_id == scope.user_id,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        warnings=_findings([each for each in reading.findings if each.severity == "warning"]),
    )


def _tools(container: Container, scope: Scope, connection: Connection | None = None) -> frozenset[str]:
    """The names of the tools there are now."""
    return frozenset(container.toolboxes.list(scope, connection=connection).tools)


def _shown(entry: PhaseEntry, absent: Sequence[Requirement]) -> dict[str, Any]:
    missing = [each for each in absent if each in entry.requires]
    return {
        "name": entry.name,
        "title": entry.title.en,
        "titles": {"en": entry.title.en, "zh": entry.title.zh},
        "description": entry.description.en,
        "descriptions": {"en": entry.description.en, "zh": entry.description.zh},
        "requires": sorted(entry.requires),
        "available": not missing and not entry.problem,
        "missing": missing,
        "reason": entry.problem or " ".join(REASONS[each] for each in missing),
        "built_in": entry.version is None,
        "is_default": entry.name == DEFAULT_PHASE,
        "version": entry.version,
    }


def _graph(definition: PhaseDefinition, language: Language) -> PhaseGraph:
    picture = draw(definition, language)
    return PhaseGraph(mermaid=mermaid(picture), dot=dot(picture))


def _findings(findings: Sequence[Finding]) -> list[PhaseFinding]:
    return [PhaseFinding.model_validate(each.plain()) for each in findings]


def _reserved(container: Container, name: str) -> PhaseEntry:
    entry = container.phases.reserved_entry(name)
    if entry is None:
        raise Missing("There is no such phase.")
    return entry


def _check_own(connection: Connection, container: Container, scope: Scope, name: str) -> None:
    """Raises Missing; ReadOnly for a phase that comes with the product."""
    if PhaseStore(connection, scope).find(name) is None:
        _reserved(container, name)
        raise ReadOnly("This phase comes with the product: copy it under another name, and change the copy.")


def _version_of(if_match: str | None) -> int | None:
    """The version that If-Match names; None for none, or any."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'\s*(?:W/)?"?(\d{1,9})"?\s*', if_match)
    if found is None:
        raise Invalid('If-Match must hold the number of a version, such as "3".')
    return int(found[1])


def _bounded(number: int) -> int:
    if not 1 <= number <= 1_000_000_000:
        raise Missing("There is no such version.")
    return number
