"""What is wrong with a phase's text: where, what, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rapidfuzz import fuzz, process

from agents.errors import AgentError

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""Where something stands in a document: keys and positions from its top."""

_ALIKE = 60.0
"""Of 100: below this, a suggestion confuses more than it helps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`line` and `column` count from 1; `code` is stable; `hint` says what to write instead, if anybody knows."""

    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    file: str = ""

    def plain(self) -> dict[str, Any]:
        """It as a JSON object, without the file."""
        names = ("line", "column", "code", "message", "hint", "severity")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.file else f"line {self.line}, column {self.column}"
        said = " ".join(each for each in (self.message, self.hint) if each)
        return f"{where}: {self.severity}: {said} [{self.code}]"


class PhaseInvalid(AgentError):
    """A text that is no phase; `findings` are all its errors and warnings, at least one of them an error."""

    code = "phase_invalid"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        wrong = [each for each in findings if each.severity == "error"]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        super().__init__(f"{wrong[0]}{more}" if wrong else "This is no phase.")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """All that was found, for a program to show."""
        return [each.plain() for each in self.findings]


def shown(value: object) -> str:
    """What somebody wrote, fit to be repeated in a sentence."""
    text = " ".join(str(value).split())
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


def did_you_mean(word: object, choices: Iterable[str], *, else_all: bool = True) -> str:
    """A hint for a word that is none of `choices`: the one most like it, else what there is."""
    offered = list(choices)
    found = process.extractOne(str(word)[:100], offered, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    if found is not None:
        return f"Did you mean '{found[0]}'?"
    if not offered or not else_all:
        return ""
    return f"There is {', '.join(offered[:20])}{', …' if len(offered) > 20 else ''}."
