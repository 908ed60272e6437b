"""Tool calls put together from the pieces in which they are streamed."""

from __future__ import annotations

import json

from agents.messages.parts import ToolCall
from agents.models.characters import whole_characters


class ToolCallDeltas:
    """Gathers calls; `calls` are those whole so far, in the order they began.

    Endpoints differ: some leave the index out, or give every call the index 0 with an id of its own; some send no id,
    or the arguments as an object. Each is told apart here.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._last: dict[int | None, _Call] = {}
        """The call begun last of each index."""

    def add(self, index: int | None, call_id: str | None, name: str | None, arguments: object) -> None:
        """Take in one piece of one call."""
        call = self._find(index, call_id or "")
        call.id = call.id or call_id or ""
        call.name = call.name or name or ""
        if arguments is not None:
            call.pieces.append(arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False))

    @property
    def count(self) -> int:
        """How many have begun."""
        return len(self._calls)

    @property
    def calls(self) -> list[ToolCall]:
        return [
            ToolCall(
                id=whole_characters(call.id) or f"call_{number}",
                name=whole_characters(call.name),
                arguments=whole_characters("".join(call.pieces)) or "{}",
            )
            for number, call in enumerate(self._calls, start=1)
        ]

    def _find(self, index: int | None, call_id: str) -> _Call:
        last = self._last.get(index) if index is not None else next(reversed(self._calls), None)
        if last is None or (call_id and last.id and call_id != last.id):
            last = self._last[index] = _Call()
            self._calls.append(last)
        return last


class _Call:
    def __init__(self) -> None:
        self.id = self.name = ""
        self.pieces: list[str] = []
