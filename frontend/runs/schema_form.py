"""Editing the arguments of a call: a form from the JSON Schema that they must meet, or their JSON where that is beyond
a form. The server checks what comes of it; nothing here decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from frontend.answer_text import plain_label
from frontend.runs.results import as_json
from frontend.session import texts

FieldKind = Literal["text", "long_text", "choice", "integer", "number", "switch", "lines"]
LARGEST = 2**53
LONG_TEXT = 200
ROOMY = 5_000
"""A text that may be so long is typed into several lines."""


class Unreadable(Exception):
    """What was typed is no value of its field; the text names the field."""


class FieldMissing(Unreadable):
    """A field that must be filled in is empty; the text names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One argument of a form. `given` is whether the call has it; one that has not and stays empty is left out."""

    name: str
    kind: FieldKind
    required: bool
    given: bool
    value: Any = None
    options: tuple[Any, ...] = ()
    description: str = ""


def fields_of(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[Field] | None:
    """The fields for these arguments; None when the schema, or a value, is beyond a form."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties or set(arguments) - set(properties):
        return None
    required = schema.get("required")
    found = [_field(name, each, arguments, name in (required or [])) for name, each in properties.items()]
    return None if None in found else [each for each in found if each is not None]


def _field(name: str, schema: Any, arguments: Mapping[str, Any], required: bool) -> Field | None:
    if not isinstance(schema, dict):
        return None
    value = arguments.get(name, schema.get("default"))
    kind = _kind(schema, value)
    if kind is None:
        return None
    return Field(
        name=name, kind=kind, required=required, given=name in arguments, value=value,
        options=tuple(schema.get("enum") or ()), description=str(schema.get("description") or ""),
    )  # fmt: skip


def _kind(schema: dict[str, Any], value: Any) -> FieldKind | None:
    options = schema.get("enum")
    if isinstance(options, list) and options and all(isinstance(each, str | int | float) for each in options):
        return "choice" if value is None or value in options else None
    kind = schema.get("type")
    if kind == "string" and (value is None or isinstance(value, str)):
        most = schema.get("maxLength")
        roomy = isinstance(most, int) and most >= ROOMY
        long = roomy or len(value or "") > LONG_TEXT or "\n" in (value or "")
        return "long_text" if long else "text"
    if kind == "boolean" and (value is None or isinstance(value, bool)):
        return "switch"
    number = value is None or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST)
    if kind == "integer" and number and not isinstance(value, float):
        return "integer"
    if kind == "number" and number:
        return "number"
    items = schema.get("items")
    if kind == "array" and isinstance(items, dict) and items.get("type") == "string" and "enum" not in items:
        whole = value is None or (isinstance(value, list) and all(isinstance(e, str) and "\n" not in e for e in value))
        return "lines" if whole else None
    return None


def draw_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any], key: str) -> None:
    """The fields, or the JSON, of arguments; `read_arguments` gives what they hold."""
    fields = fields_of(schema, arguments)
    if fields is None:
        st.text_area(
            texts()("approval.json"), value=as_json(dict(arguments)), key=f"{key}-json", height="content",
            max_chars=100_000,
        )  # fmt: skip
        return
    for field in fields:
        _draw_field(field, f"{key}-{field.name}")


def _draw_field(field: Field, key: str) -> None:
    label = f"`{field.name.replace('`', '')}`" + (" \\*" if field.required else "")
    more: dict[str, Any] = {"key": key, "help": plain_label(field.description) or None}
    if field.kind == "text":
        st.text_input(label, value=field.value or "", **more)
    elif field.kind in ("long_text", "lines"):
        text = "\n".join(field.value or ()) if field.kind == "lines" else field.value or ""
        st.text_area(label, value=text, height="content", **more)
    elif field.kind == "choice":
        index = field.options.index(field.value) if field.value in field.options else None
        st.selectbox(label, field.options, index=index, **more)
    elif field.kind == "switch":
        st.toggle(label, value=bool(field.value), **more)
    else:
        st.text_input(label, value="" if field.value is None else json.dumps(field.value), **more)


def read_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The arguments as they are edited. Raises Unreadable."""
    fields = fields_of(schema, arguments)
    if fields is None:
        try:
            edited = json.loads(st.session_state.get(f"{key}-json", as_json(dict(arguments))))
        except ValueError:
            raise Unreadable("JSON") from None
        if not isinstance(edited, dict):
            raise Unreadable("JSON")
        return edited
    typed = {field.name: st.session_state.get(f"{key}-{field.name}", field.value) for field in fields}
    return collect(fields, typed)


def collect(fields: list[Field], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a filled-in form stands for. Raises Unreadable, FieldMissing among them."""
    found: dict[str, Any] = {}
    for field in fields:
        value = _typed(field, typed.get(field.name))
        empty = value is None or value in ("", []) or (field.kind == "switch" and value == bool(field.value))
        if empty and not field.given:
            if field.required and field.kind == "switch":
                found[field.name] = bool(value)
            elif field.required:
                raise FieldMissing(field.name)
            continue
        if value is not None:
            found[field.name] = value
    return found


def _typed(field: Field, value: Any) -> Any:
    if field.kind == "lines" and isinstance(value, str):
        return [line for line in value.split("\n") if line.strip()]
    if field.kind in ("integer", "number") and isinstance(value, str):
        if not value.strip():
            return None
        try:
            return int(value) if field.kind == "integer" else _real(value)
        except ValueError:
            raise Unreadable(field.name) from None
    return value


def _real(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if number != number or abs(number) == float("inf"):
        raise ValueError(text)
    return number
