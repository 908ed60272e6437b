"""The ways of working on a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A way of working on a question. `reason` says why it cannot be chosen now, `missing` what it lacks; `version` is
    that of a user's own."""

    name: str
    title: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    description: str = ""
    descriptions: dict[str, str] = field(default_factory=dict)
    requires: list[str] = field(default_factory=list)
    available: bool = True
    missing: list[str] = field(default_factory=list)
    reason: str = ""
    built_in: bool = True
    is_default: bool = False
    version: int | None = None
    text: str = ""
    editable: bool = False

    def title_in(self, language: str) -> str:
        """Its title in a language, as far as it has one; its name otherwise."""
        return self.titles.get(language) or self.title or self.name

    def description_in(self, language: str) -> str:
        """What it does, in a language, as far as that is said."""
        return self.descriptions.get(language) or self.description


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseFinding:
    """Something wrong with a phase's text, where, and what to write instead."""

    line: int
    column: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseGraph:
    dot: str
    mermaid: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseCheck:
    ok: bool
    name: str | None = None
    errors: list[PhaseFinding] = field(default_factory=list)
    warnings: list[PhaseFinding] = field(default_factory=list)
    graph: PhaseGraph | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseVersion:
    version: int
    comment: str = ""
    created_at: datetime | None = None
