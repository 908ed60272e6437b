"""A conversation as Markdown: its newest branch, each answer with its sources."""

from __future__ import annotations

from collections.abc import Sequence

from backend.threads.store import StoredMessage, Thread


def as_markdown(thread: Thread, messages: Sequence[StoredMessage]) -> str:
    """The branch that ends in the newest message, oldest first."""
    lines = [f"# {thread.title or 'Conversation'}", "", f"_{thread.created_at:%Y-%m-%d %H:%M} UTC_", ""]
    for message in newest_branch(messages):
        lines += ["## Question" if message.role == "user" else "## Answer", "", message.text or message.error, ""]
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


def _sources(message: StoredMessage) -> list[str]:
    named: dict[int, str] = {}
    for citation in message.citations:
        where = citation["url"] or citation["path"]
        heading = " › ".join(citation["heading_path"])
        number, title = citation["number"], citation["title"]
        named.setdefault(number, f"[{number}] {title}, {heading or where} ({where})")
    return [*(f"- {named[number]}" for number in sorted(named)), ""] if named else []
