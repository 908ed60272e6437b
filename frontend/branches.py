"""A conversation is a tree: edits and regenerations are siblings, and one path through it is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from frontend.views import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A message on the path shown, and its siblings in the order they came (itself among them)."""

    message: Message
    siblings: tuple[Message, ...]

    @property
    def place(self) -> int:
        """Which of the siblings it is, from 0."""
        return next(index for index, each in enumerate(self.siblings) if each.id == self.message.id)


def shown_path(messages: Sequence[Message], chosen: Mapping[str, str]) -> list[Turn]:
    """The path from the first message on. `chosen` names the child shown under a parent ("" for the first messages);
    where nothing is chosen, the newest branch is taken: the one that holds the newest message."""
    children: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        children[message.parent_id or ""].append(message)
    newest = _ancestors(messages)
    path: list[Turn] = []
    parent = ""
    while siblings := children.get(parent):
        by_id = {each.id: each for each in siblings}
        on_newest = next((each for each in siblings if each.id in newest), siblings[-1])
        message = by_id.get(chosen.get(parent, ""), on_newest)
        path.append(Turn(message=message, siblings=tuple(siblings)))
        parent = message.id
    return path


def way_to(messages: Sequence[Message], message_id: str) -> dict[str, str]:
    """What has to be chosen for the path to lead over this message; empty when it is not among them."""
    by_id = {message.id: message for message in messages}
    chosen: dict[str, str] = {}
    message = by_id.get(message_id)
    while message is not None and (message.parent_id or "") not in chosen:
        chosen[message.parent_id or ""] = message.id
        message = by_id.get(message.parent_id or "")
    return chosen


def _ancestors(messages: Sequence[Message]) -> set[str]:
    """The newest message and all above it."""
    by_id = {message.id: message for message in messages}
    found: set[str] = set()
    message = messages[-1] if messages else None
    while message is not None and message.id not in found:
        found.add(message.id)
        message = by_id.get(message.parent_id or "")
    return found
