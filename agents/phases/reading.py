"""From a text to a phase, or to everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from pydantic import ValidationError

from agents.phases.checking import check
from agents.phases.definition import PhaseDefinition
from agents.phases.explaining import explain
from agents.phases.findings import Finding, PhaseInvalid
from agents.phases.yaml_text import TOP, Position, YamlText, read_yaml

MOST_FINDINGS = 100
"""Who is told of a hundred errors corrects those first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a text says: its definition, None when it is none, and what was found in it, in the order of the text."""

    definition: PhaseDefinition | None
    findings: tuple[Finding, ...] = ()
    name_at: Position = TOP
    """Where the phase is named, for those who have something to say about that."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that keep it from being used."""
        return tuple(each for each in self.findings if each.severity == "error")


def read(text: str, *, file: str = "", tools: Collection[str] | None = None) -> Reading:
    """The text, read and checked; never raises for what stands in it.

    `file` names it in findings. `tools` are the names there are; None leaves names of tools unchecked.
    """
    document, findings = read_yaml(text)
    definition = None
    if all(each.code == "duplicate_key" for each in findings):
        definition, refused = _shaped(document)
        findings += refused
    if definition is not None:
        findings += _checked(document, definition, tools)
    findings.sort(key=lambda each: (each.severity != "error", each.line, each.column))
    findings = sorted(findings[:MOST_FINDINGS], key=lambda each: (each.line, each.column))
    if any(each.severity == "error" for each in findings):
        definition = None
    return Reading(
        definition=definition,
        findings=tuple(replace(each, file=file) for each in findings),
        name_at=document.at_value(("name",)),
    )


def read_phase(text: str, *, file: str = "") -> PhaseDefinition:
    """The phase that the text declares. Raises PhaseInvalid."""
    reading = read(text, file=file)
    if reading.definition is None:
        raise PhaseInvalid(reading.findings)
    return reading.definition


def _shaped(document: YamlText) -> tuple[PhaseDefinition | None, list[Finding]]:
    # As JSON and strictly: there a list is a list, and "12" or true is no number.
    try:
        return PhaseDefinition.model_validate_json(json.dumps(document.value), strict=True), []
    except ValidationError as error:
        return None, explain(document, error)


def _checked(document: YamlText, definition: PhaseDefinition, tools: Collection[str] | None) -> list[Finding]:
    found = []
    for remark in check(definition, tools=tools):
        place = document.at_key(remark.at) if remark.of_key else document.at_value(remark.at)
        found.append(
            Finding(
                line=place.line,
                column=place.column,
                code=remark.code,
                message=remark.message,
                hint=remark.hint,
                severity=remark.severity,
            )
        )
    return list(dict.fromkeys(found))
