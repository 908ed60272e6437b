"""Everything that is kept as it stands: text, reStructuredText, source code, YAML, JSON, logs, and tables as text."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from knowledge.config import ParsingLimits
from knowledge.parsing.decoding import clean
from knowledge.parsing.draft import Draft, MarkdownWriter, Markup, one_line
from knowledge.parsing.tables import write_numbered_table

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
_MOST_INDENTATION = 3
"""Indentation that reading long JSON may take, in lengths of the text."""

_LARGEST_REINDENTED = 32 * 1024 * 1024


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
    """A CSV or TSV file as a Markdown table; rows with very many columns as records. Rows are counted as spreadsheet
    programs do: blank lines count, line breaks inside quotes do not."""
    sample = text[:65_536]
    delimiter = "\t" if name.lower().endswith((".tsv", ".tab")) else _delimiter(sample)
    # A quote that is never closed would otherwise swallow the file into one cell and be an error.
    csv.field_size_limit(max(len(text) + 1, 131_072))
    writer = MarkdownWriter(limits.max_text_chars)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=False)
    warnings = write_numbered_table(writer, enumerate(rows, start=1), limits)
    draft = writer.draft(warnings=warnings)
    draft.markup = "table"
    return draft


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
        value = json.loads(draft.text)
        if _indentation(value) > _MOST_INDENTATION * len(draft.text):
            draft.warnings.append("one long line of JSON was not indented: it is nested too deeply")
            return
        draft.text = clean(json.dumps(value, ensure_ascii=False, indent=1)) + "\n"
    except (ValueError, RecursionError):
        return
    draft.warnings.append("one long line of JSON was indented")


def _indentation(value: Any) -> int:
    """Characters that indenting a JSON value by one a level adds."""
    total = 0
    stack = [(value, 1)]
    while stack:
        each, depth = stack.pop()
        children = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        total += depth * len(children)
        stack.extend((child, depth + 1) for child in children if isinstance(child, (dict, list)))
    return total
