"""What all requests and responses of the REST interface have in common."""

from __future__ import annotations

import math
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Item = TypeVar("Item")

Name = Annotated[str, Field(min_length=1, max_length=200)]

MAX_DEPTH = 40


def check_storable(value: Any) -> Any:
    """The value, if any database can store it: no NUL characters or lone surrogates in texts, no infinite numbers, not
    nested deeper than 40. Raises ValueError."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        each, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(each, str):
            _check_text(each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError("numbers must be finite")
        elif isinstance(each, dict):
            pending.extend((part, depth + 1) for pair in each.items() for part in pair)
        elif isinstance(each, list | tuple):
            pending.extend((part, depth + 1) for part in each)
    return value


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("texts must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("texts must not contain lone surrogates") from None


class Body(BaseModel):
    """A request body: unknown fields are refused, so that a typing mistake is not silently ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=2_000_000)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return check_storable(value)


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(View, Generic[Item]):
    """`next_cursor` is given back as `?cursor=` to read on; null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


class Problem(View):
    """RFC 9457. `code` is stable; `detail` says what to do; `errors` names the fields of a refused body."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    errors: list[dict[str, Any]] = Field(default_factory=list)
