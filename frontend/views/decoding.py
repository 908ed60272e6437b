"""From parsed JSON to values, and lists in pages."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

View = TypeVar("View")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[View]):
    """`next_cursor` reads on; None on the last page."""

    items: list[View]
    next_cursor: str | None


def decode(kind: Any, data: Any) -> Any:
    """`data` (parsed JSON) as a value of type `kind`. Raises ValueError for what does not fit."""
    origin = typing.get_origin(kind)
    if is_dataclass(kind) or (origin is not None and is_dataclass(origin)):
        return _decode_record(kind, data)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return decode(next(each for each in arguments if each is not type(None)), data)
    if origin is list:
        return [decode(arguments[0], each) for each in _expect(list, data)]
    if origin is tuple:
        return tuple(decode(each, part) for each, part in zip(arguments, _expect(list, data), strict=True))
    if origin is dict:
        return dict(_expect(dict, data))
    if kind is datetime:
        return datetime.fromisoformat(_expect(str, data))
    return float(data) if kind is float else data


def _decode_record(kind: Any, data: Any) -> Any:
    given = _expect(dict, data)
    record, values = typing.get_origin(kind) or kind, {}
    for each, needed in _fields(record):
        if each in given:
            values[each] = decode(_concrete(record, kind, each), given[each])
        elif needed:
            raise ValueError(f"{record.__name__} without {each}")
    return record(**values)


@cache
def _fields(record: Any) -> tuple[tuple[str, bool], ...]:
    return tuple((each.name, each.default is MISSING and each.default_factory is MISSING) for each in fields(record))


@cache
def _hints(record: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


def _concrete(record: Any, kind: Any, name: str) -> Any:
    """The type of a field, the type variable of a generic record replaced."""
    hint = _hints(record)[name]
    if typing.get_origin(hint) is list and typing.get_args(hint)[0] is View:
        return list[typing.get_args(kind)[0]]  # type: ignore[misc]
    return hint


def _expect(kind: type, data: Any) -> Any:
    if not isinstance(data, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
