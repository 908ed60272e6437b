"""What a call gave, as Markdown: passages with their numbers, rows as a table, the rest as it is in a fence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.commands.wording import Wording
from agents.events import ToolFinished
from knowledge.text.analysis import index_terms, query_terms
from knowledge.types import Passage

MOST_ROWS = 30
MOST_COLUMNS = 8
LONGEST_CELL = 80
LONGEST_OUTPUT = 6_000
LONGEST_EXCERPT = 320
_FENCES = re.compile(r"`{3,}[^\n`]*|~{3,}[^\n]*")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?(?:\+00:00|Z)")
_STOP = re.compile(r"[.!?]\s+|[。！？]")
_LEAD = re.compile(r"^(?:[>*+-]|\d+[.)])\s+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What a call came to. `told` is its event; an attempt that finds the call made already has its text alone."""

    status: str
    text: str
    found: tuple[Passage, ...] = ()
    told: ToolFinished | None = None

    @property
    def failed(self) -> bool:
        return self.status in ("failed", "denied")


def as_markdown(output: Output, say: Wording, words: str = "") -> str:
    """The output of a call that succeeded; of passages what is nearest to the `words` that were searched for."""
    if output.found:
        return "\n\n".join(_passage(each, set(query_terms(words))) for each in output.found)
    told = output.told
    table = _table(told.data, say) if told is not None and told.view == "table" else ""
    parts = [told.summary if told is not None and table else "", table or _fenced(output)]
    if output.status == "cut":
        parts.append(say("cut"))
    return "\n\n".join(part for part in parts if part)


def whole_passage(passage: Passage) -> str:
    """A passage as it stands in its document, with its number."""
    return f"{passage.text.strip()}\n\n[{passage.number}]" if _ends_in_block(passage.text) else (
        f"{passage.text.strip()} [{passage.number}]"
    )  # fmt: skip


def fenced(text: str, language: str = "") -> str:
    """Text in a fence that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def cell(text: str) -> str:
    """Text for a cell of a table, or for a line: no sign in it means anything."""
    flat = _TIME.sub(r"\1 \2 UTC", " ".join(text.split()))
    flat = flat if len(flat) <= LONGEST_CELL else f"{flat[: LONGEST_CELL - 1]}…"
    return re.sub(r"([\\`*_{}\[\]<>#|~!$])", r"\\\1", flat)


def _passage(passage: Passage, terms: set[str]) -> str:
    names = dict.fromkeys((passage.document.title or passage.document.path, *passage.heading_path))
    where = " › ".join(cell(each) for each in names if each)
    return f"**{where}**\n\n> {_excerpt(passage.text, terms)} [{passage.number}]"


def _excerpt(text: str, terms: set[str]) -> str:
    """A few sentences in one line, from the one that holds most of the terms on."""
    plain = " ".join(" ".join(map(_said, _FENCES.sub("", text).splitlines())).split())
    if len(plain) <= LONGEST_EXCERPT:
        return plain
    starts = [0, *(stop.end() for stop in _STOP.finditer(plain))]
    held = [len(terms & set(index_terms(plain[at : at + LONGEST_EXCERPT]))) for at in starts]
    start = starts[held.index(max(held))]
    cut = plain[start : start + LONGEST_EXCERPT]
    if start + LONGEST_EXCERPT < len(plain):
        at = cut.rfind(" ", LONGEST_EXCERPT // 2)
        cut = f"{cut[:at] if at > 0 else cut} …"
    return f"… {cut}" if start else cut


def _said(line: str) -> str:
    """What a line of Markdown says without its signs: nothing for headings, which stand above, and rules of tables."""
    line = line.strip()
    if line.startswith("#") or not line.strip("|-: "):
        return ""
    return " · ".join(each.strip() for each in line.strip("|").split("|")) if line[0] == "|" else _LEAD.sub("", line)


def _table(data: Any, say: Wording) -> str:
    if not isinstance(data, Mapping):
        return ""
    columns, rows = data.get("columns"), data.get("rows")
    if not (isinstance(columns, list) and isinstance(rows, list) and columns and rows):
        return ""
    shown = columns[:MOST_COLUMNS]
    lines = [_row(shown), "|" + " --- |" * len(shown)]
    lines += [_row(row[: len(shown)]) for row in rows[:MOST_ROWS] if isinstance(row, list)]
    if len(rows) > MOST_ROWS:
        lines += ["", say("rows", count=len(rows) - MOST_ROWS)]
    return "\n".join(lines)


def _row(values: Sequence[Any]) -> str:
    return "| " + " | ".join(cell("" if value is None else str(value)) for value in values) + " |"


def _fenced(output: Output) -> str:
    text = output.text.strip()
    if not text and output.told is not None:
        return cell(output.told.summary)
    if "\n" not in text and len(text) <= LONGEST_CELL:
        return cell(text)
    cut = text if len(text) <= LONGEST_OUTPUT else f"{text[:LONGEST_OUTPUT]}\n…"
    return fenced(cut, "diff" if output.told is not None and output.told.view == "diff" else "")


def _ends_in_block(text: str) -> bool:
    last = text.strip().rpartition("\n")[2].lstrip()
    return last.startswith(("```", "~~~", "|"))
