"""Looking at what somebody wrote before it is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from agents.phases.catalogue import PhaseCatalogue
from agents.phases.definition import PhaseDefinition
from agents.phases.findings import Finding, PhaseInvalid
from agents.phases.reading import Reading, read

ADDRESSES = ("check", "schema")
"""What stands in addresses where names of phases do."""


def look_at(
    text: str, catalogue: PhaseCatalogue, *, name: str | None = None, tools: Collection[str] | None = None
) -> Reading:
    """What was found in a text that is to change the phase `name`, or, for None, to become a new one."""
    reading = read(text, tools=tools)
    if reading.definition is None:
        return reading
    wrong = _name_finding(reading, reading.definition.name, catalogue, name)
    return reading if wrong is None else replace(reading, definition=None, findings=(wrong, *reading.findings))


def checked(
    text: str, catalogue: PhaseCatalogue, *, name: str | None = None, tools: Collection[str] | None = None
) -> PhaseDefinition:
    """What a text declares that may be kept. Raises PhaseInvalid with all its findings."""
    reading = look_at(text, catalogue, name=name, tools=tools)
    if reading.definition is None:
        raise PhaseInvalid(reading.findings)
    return reading.definition


def _name_finding(reading: Reading, declared: str, catalogue: PhaseCatalogue, name: str | None) -> Finding | None:
    line, column = reading.name_at.line, reading.name_at.column
    if name is not None and declared != name:
        message = f"This is the phase '{name}', and the text names it '{declared}'."
        hint = f"Write 'name: {name}', or save the text as a new phase."
        return Finding(line=line, column=column, code="name_changed", message=message, hint=hint)
    if declared in catalogue.reserved or declared in ADDRESSES:
        message = f"The name '{declared}' belongs to the product."
        return Finding(
            line=line,
            column=column,
            code="name_reserved",
            message=message,
            hint=f"Write 'name: my_{declared}', for example.",
        )
    return None
