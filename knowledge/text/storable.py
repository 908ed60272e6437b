"""Text without what neither a database nor UTF-8 can hold."""

from __future__ import annotations

from typing import Any


def storable(text: str) -> str:
    """The text with each NUL and lone surrogate, which databases refuse, as U+FFFD; offsets stay what they were."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def storable_json(value: Any) -> Any:
    """The same for every text inside a JSON value, names included."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): storable_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable_json(each) for each in value]
    return value
