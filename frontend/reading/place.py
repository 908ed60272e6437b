"""Where in a document a reader is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from frontend.session import texts
from frontend.views import CalledTool

_ROWS = re.compile(r"(?:^|&)row=(\d+)(?:-(\d+))?$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A passage of a document, by offsets in its text; without `end` the document's beginning. With `call` it is one
    of what that call put out in the run `run_id`.

    `quote` is what stood there when it was cited; the document may have been replaced or deleted since.
    """

    knowledge_base_id: str
    document_id: str
    start: int = 0
    end: int = 0
    heading_path: tuple[str, ...] = ()
    anchor: str = ""
    quote: str = ""
    call: CalledTool | None = None
    title: str = ""
    run_id: str = ""


def rows_label(anchor: str) -> str:
    """The rows of a sheet that an anchor names, as people call them; "" where it names none."""
    found = _ROWS.search(anchor)
    if found is None:
        return ""
    first, last = found.groups()
    return texts()("source.rows", first=first, last=last) if last else texts()("source.row", row=first)
