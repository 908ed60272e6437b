"""Passages as an output tells them: under numbers that an answer can cite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.events import Evidence
from agents.tools.ports import ToolOutput


def evidence_text(evidence: Sequence[Evidence], note: str = "") -> str:
    """The passages for a model, each under its number, with what opens it again; then the note."""
    told = [_told(each) for each in evidence]
    return "\n\n".join([*told, note] if note else told)


def renumbered(output: ToolOutput, first: int) -> ToolOutput:
    """The output with its evidence numbered from `first` on, in its text, too, where that is what `evidence_text` made
    of it; another text is followed by the numbers under which it can be cited."""
    if not output.evidence:
        return output
    evidence = tuple(replace(each, number=first + index) for index, each in enumerate(output.evidence))
    before = evidence_text(output.evidence)
    if output.text.startswith(before):
        text = evidence_text(evidence) + output.text[len(before) :]
    else:
        text = f"{output.text}\n\nTo be cited as: " + "; ".join(f"[{each.number}] {_place(each)}" for each in evidence)
    return replace(output, text=text, evidence=evidence)


def _told(evidence: Evidence) -> str:
    where = f"document_id={evidence.document_id} start={evidence.start} end={evidence.end}"
    return f"[{evidence.number}] {_place(evidence)} ({where})\n{evidence.text}"


def _place(evidence: Evidence) -> str:
    return " › ".join((evidence.title or evidence.path, *evidence.heading_path)).replace("\n", " ")[:300]
