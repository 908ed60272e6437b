"""Long outputs, cut to a share: their beginning, a notice, their end."""

from __future__ import annotations

from dataclasses import dataclass

_HEAD = 0.7
_NOTICE_ROOM = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The text within its share, and how many characters were left out of it."""

    text: str
    left_out: int


def cut_text(text: str, most: int, *, is_kept: bool = False) -> Cut:
    """At most `most` characters of the text, at least enough for the notice: head and tail, cut at ends of lines where
    that costs little. `is_kept`: the notice says that people have the whole."""
    if len(text) <= most:
        return Cut(text=text, left_out=0)
    room = max(0, most - _NOTICE_ROOM)
    head = _to_line_end(text[: int(room * _HEAD)])
    tail_room = room - int(room * _HEAD)
    tail = _from_line_start(text[len(text) - tail_room :]) if tail_room else ""
    left_out = len(text) - len(head) - len(tail)
    whole = " The user has the whole output." if is_kept else ""
    notice = f"[… {left_out:,} of {len(text):,} characters are left out here.{whole} Ask for less to see all of it.]"
    return Cut(text="\n".join(part for part in (head, notice, tail) if part), left_out=left_out)


def _to_line_end(text: str) -> str:
    end = text.rfind("\n", len(text) - len(text) // 10)
    return text[:end] if end > 0 else text


def _from_line_start(text: str) -> str:
    start = text.find("\n", 0, len(text) // 10)
    return text[start + 1 :] if start >= 0 else text
