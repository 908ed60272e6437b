"""The phases that come with the product: each is a YAML file here, and one line in this registry."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from agents.phases.definition import PhaseDefinition
from agents.phases.reading import read_phase

BUILT_IN: tuple[str, ...] = (
    "chat",
    "answer",
    "web_answer",
    "code_answer",
    "tool_react",
    "code_react",
    "code_tool_react",
    "plan_execute",
    "group",
    "design_to_code",
    "code_to_docs",
    "code_to_tests",
)
"""In the order in which they are offered."""


@cache
def built_in_text(name: str) -> str:
    """The YAML of a phase of the registry."""
    return (files(__package__) / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def built_in_definition(name: str) -> PhaseDefinition:
    """What a phase of the registry declares; read once."""
    return read_phase(built_in_text(name), file=f"{name}.yaml")
