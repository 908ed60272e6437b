"""A conversation as Markdown: its newest branch, each answer with its sources. What others wrote is safe to render."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.sanitising.addresses import hosts_of
from agents.sanitising.inline import keep_valid
from agents.sanitising.stream import sanitise
from backend.threads.types import StoredMessage, Thread

HIGHEST_NUMBER = 9999
_SIGNS = re.compile(r"([\\`*_{}\[\]()#+!|<>$~-])")


def as_markdown(thread: Thread, messages: Sequence[StoredMessage]) -> str:
    """The branch that ends in the newest message, oldest first."""
    lines = [f"# {plain(thread.title) or 'Conversation'}", "", f"_{thread.created_at:%Y-%m-%d %H:%M} UTC_", ""]
    for message in newest_branch(messages):
        lines += ["## Question" if message.role == "user" else "## Answer", "", _body(message), ""]
        lines += _sources(message)
    return "\n".join(lines).rstrip() + "\n"


def newest_branch(messages: Sequence[StoredMessage]) -> list[StoredMessage]:
    """From the first message to the newest, by parents."""
    by_id = {message.id: message for message in messages}
    branch: list[StoredMessage] = []
    message = messages[-1] if messages else None
    while message is not None:
        branch.append(message)
        message = by_id.get(message.parent_id or "")
    return branch[::-1]


def _body(message: StoredMessage) -> str:
    """The text, leading to no host but those of its sources; a question leads nowhere."""
    hosts = hosts_of([citation["url"] for citation in message.citations])
    return sanitise(message.text or message.error, hosts=hosts, marker=keep_valid(HIGHEST_NUMBER))


def _sources(message: StoredMessage) -> list[str]:
    named: dict[int, str] = {}
    for citation in message.citations:
        where = citation["url"] or citation["path"]
        heading = " › ".join(citation["heading_path"])
        number, title = citation["number"], citation["title"]
        named.setdefault(number, f"[{number}] {plain(title)}, {plain(heading or where)} ({_place(where)})")
    return [*(f"- {named[number]}" for number in sorted(named)), ""] if named else []


def _place(where: str) -> str:
    """A web address as a link, anything else as code."""
    shown = sanitise(where, hosts=hosts_of([where])) if hosts_of([where]) else ""
    return shown or f"`{' '.join(where.split()).replace('`', chr(39))}`"


def plain(text: str) -> str:
    """Text in one line in which no sign of Markdown counts."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))
