"""Notebooks: text cells as they are, code cells fenced, and what the code printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from knowledge.config import ParsingLimits
from knowledge.errors import DamagedFile, UnreadableFile
from knowledge.parsing.draft import Draft, MarkdownWriter, fence
from knowledge.parsing.markdown import first_heading

_LONGEST_OUTPUT = 4_000


def read_notebook(text: str, name: str, limits: ParsingLimits) -> Draft:
    """A notebook of format 3 or 4 as Markdown; pictures and HTML outputs left out. Raises UnreadableFile if it is none.

    Read as plain JSON: nbformat insists on valid notebooks, and half of those in the wild are not quite.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{name} is damaged: it is not valid JSON.") from error
    if not isinstance(notebook, dict) or not isinstance(cells := _cells(notebook), list):
        raise UnreadableFile(f"{name} is not a notebook: it has no cells.")
    language = _language(notebook)
    writer = MarkdownWriter(limits.max_text_chars)
    for each in cells:
        if isinstance(each, dict):
            for block in _blocks(each, language):
                writer.add(block)
    draft = writer.draft(metadata={"language": language} if language else {})
    draft.title = first_heading(draft.text)
    return draft


def _cells(notebook: dict[str, Any]) -> Any:
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
        return sheets[0].get("cells")
    return notebook.get("cells")


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        section = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(section, dict) and isinstance(section.get(name), str):
            return "".join(filter(str.isalnum, section[name]))[:20]
    return "python"


def _blocks(each: dict[str, Any], language: str) -> Iterator[str]:
    source = _joined(each.get("source", each.get("input")))
    kind = each.get("cell_type")
    if kind == "heading":
        yield f"# {source}"
    elif kind != "code":
        yield source
    elif source.strip():
        yield fence(source, language)
        outputs = each.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            printed = _printed(output) if isinstance(output, dict) else ""
            if printed.strip():
                yield fence(printed[:_LONGEST_OUTPUT])


def _printed(output: dict[str, Any]) -> str:
    if isinstance(output.get("traceback"), list):
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    data = output.get("data")
    return _joined(data.get("text/plain") if isinstance(data, dict) else output.get("text"))


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
