"""Everything that is kept as it stands: text, reStructuredText, source code, YAML, JSON, logs, and tables as text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from knowledge.config import ParsingLimits
from knowledge.parsing.decoding import clean
from knowledge.parsing.draft import Draft, MarkdownWriter, Markup, cell, one_line

_RST_TITLE = re.compile(
    r"^(?:([=\-`:'\"~^_*+#<>.])\1{2,}[ \t]*\n)?[ \t]*(\S[^\n]*)\n([=\-`:'\"~^_*+#<>.])\3{2,}[ \t]*$", re.MULTILINE
)
_MARKUP: dict[str, Markup] = {
    "rst": "rst",
    "code": "code",
    "yaml": "yaml",
    "json": "json",
    "jsonl": "json",
    "log": "log",
}
_LONG_LINE = 2_000
_LARGEST_REINDENTED = 32 * 1024 * 1024
_TABLE_CHARS = 1_800
"""About what one chunk holds: after so much of a table its header row is written again."""
_WIDEST_TABLE = 24


def read_plain(text: str, kind: str) -> Draft:
    """The text as it is; JSON on one endless line is indented, so that it can be cut and read."""
    draft = Draft(text=text, markup=_MARKUP.get(kind, "plain"))
    if kind == "rst":
        match = _RST_TITLE.search(text[:100_000])
        draft.title = one_line(match.group(2)) if match else ""
    elif kind == "json":
        _reindent(draft)
    return draft


def read_table(text: str, name: str, limits: ParsingLimits) -> Draft:
    """A CSV or TSV file as a Markdown table; rows with very many columns as records."""
    sample = text[:65_536]
    delimiter = "\t" if name.lower().endswith((".tsv", ".tab")) else _delimiter(sample)
    # A quote that is never closed would otherwise swallow the file into one cell and be an error.
    csv.field_size_limit(max(len(text) + 1, 131_072))
    writer = MarkdownWriter(limits.max_text_chars)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=False)
    warnings = write_table(writer, rows, limits)
    draft = writer.draft(warnings=warnings)
    draft.markup = "table"
    return draft


def write_table(writer: MarkdownWriter, rows: Iterable[Iterable[str]], limits: ParsingLimits) -> list[str]:
    """Write rows as Markdown tables whose header row comes back about once a chunk; returns warnings.

    The first row that is not blank is the header. A table wider than 24 columns is written as one list per row.
    """
    widest = limits.max_table_columns
    cut = False
    found: Iterator[list[str]] = ([cell(value) for value in islice(row, widest + 1)] for row in rows)
    found = (_trimmed(row) for row in found if any(row))
    header = next(found, None)
    if header is None:
        return []
    second = next(found, [])
    wide = max(len(header), len(second)) > _WIDEST_TABLE
    lines: list[str] = []
    size = 0
    for row in chain([second] if second else [], found):
        if writer.full:
            break
        cut = cut or len(row) > widest
        line = _record(header, row[:widest]) if wide else _row(row, len(header))
        lines.append(line)
        size += len(line)
        if size > _TABLE_CHARS:
            _flush(writer, header, lines, wide)
            size = 0
    if lines or not second:
        _flush(writer, header[:widest], lines, wide and bool(lines))
    return [f"columns after the first {widest:,} were left out"] if cut or len(header) > widest else []


def _flush(writer: MarkdownWriter, header: list[str], lines: list[str], wide: bool) -> None:
    if wide:
        for line in lines:
            writer.add(line)
    else:
        writer.add("\n".join([_row(header, 0), "|" + " --- |" * len(header), *lines]))
    lines.clear()


def _row(values: list[str], width: int) -> str:
    return "| " + " | ".join([*values, *[""] * (width - len(values))]) + " |"


def _record(header: list[str], row: list[str]) -> str:
    names = chain(header, (f"column {number}" for number in range(len(header) + 1, len(row) + 1)))
    return "\n".join(f"- {name}: {value}" for name, value in zip(names, row, strict=False) if value)


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


def _delimiter(sample: str) -> str:
    """The separator that splits the first lines most evenly; csv.Sniffer is slow and guesses letters."""
    lines = [line for line in sample.split("\n")[:20] if line.strip()][:-1] or [sample]

    def evenness(delimiter: str) -> tuple[float, int]:
        counts = [line[:10_000].count(delimiter) for line in lines]
        least = min(counts)
        return (sum(count == counts[0] for count in counts) / len(counts) if least else 0.0, least)

    return max(",;\t|", key=evenness)


def _reindent(draft: Draft) -> None:
    if len(draft.text) > _LARGEST_REINDENTED or len(draft.text) < _LONG_LINE * (draft.text.count("\n") + 1):
        return
    try:
        draft.text = clean(json.dumps(json.loads(draft.text), ensure_ascii=False, indent=1)) + "\n"
    except (ValueError, RecursionError):
        return
    draft.warnings.append("one long line of JSON was indented")
