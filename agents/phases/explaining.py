"""What the shapes of a definition refuse, said with its place and what to write instead."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agents.phases.definition import AgentDefinition, PhaseDefinition
from agents.phases.findings import Finding, Path, did_you_mean, shown
from agents.phases.yaml_text import YamlText

_USUAL_MISTAKES = {
    "type": "kind",
    "role": "kind",
    "instructions": "prompt",
    "system": "prompt",
    "system_prompt": "prompt",
    "question": "prompt",
    "llm": "model",
    "condition": "when",
    "if": "when",
    "stop": "until",
    "loops": "rounds",
    "max_rounds": "rounds",
    "planner_agent": "planner",
    "schema": "output",
}
"""What other programs call the same thing."""

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}

KINDS: dict[str, type[BaseModel]] = {
    typing.get_args(model.model_fields["kind"].annotation)[0]: model
    for model in typing.get_args(typing.get_args(AgentDefinition)[0])
}
"""The kinds of agents, by the word that names them."""


def explain(document: YamlText, error: ValidationError) -> list[Finding]:
    """One finding for each thing refused."""
    errors = [each for each in error.errors(include_url=False) if not _is_echo(document, each)]
    return list(dict.fromkeys(_explained(document, each) for each in errors))


def _is_echo(document: YamlText, error: ErrorDetails) -> bool:
    """Whether a list is only said to be short because what is in it was refused, which is said for itself."""
    if error["type"] != "too_short":
        return False
    value = _at(document.value, _path(document.value, error["loc"]))
    return isinstance(value, list | dict) and len(value) >= error.get("ctx", {}).get("min_length", 0)


def _explained(document: YamlText, error: ErrorDetails) -> Finding:
    path = _path(document.value, error["loc"])
    kind = error["type"]
    if error["loc"] and error["loc"][-1] == "[key]":
        return _finding(document, path, "bad_name", f"{shown(path[-1])} is no name.", _name_hint(path[-1]), key=True)
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return _missing(document, path, str(error["loc"][-1]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _kind(document, path)
    return _value(document, path, error)


def _finding(document: YamlText, path: Path, code: str, message: str, hint: str = "", *, key: bool = False) -> Finding:
    place = document.at_key(path) if key else document.at_value(path)
    return Finding(line=place.line, column=place.column, code=code, message=message, hint=hint)


def _path(value: Any, loc: Sequence[str | int]) -> Path:
    """The place in the text that a place in the shapes means: those name the kind of an agent, too."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        if isinstance(value, dict) and part in value:
            path.append(part)
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
        elif index == len(loc) - 1:
            break
    return tuple(path)


def _unknown_key(document: YamlText, path: Path) -> Finding:
    key, model = str(path[-1]), _model_at(document.value, path[:-1])
    fields = list(model.model_fields) if model is not None else []
    usual = _USUAL_MISTAKES.get(key.lower())
    hint = f"Did you mean '{usual}'?" if usual in fields else did_you_mean(key, fields)
    return _finding(document, path, "unknown_key", f"{shown(key)} is no key of {_owner(path[:-1])}.", hint, key=True)


def _missing(document: YamlText, path: Path, key: str) -> Finding:
    message = f"{_owner(path).capitalize()} has no '{key}'." if path else f"The phase has no '{key}'."
    return _finding(document, path, "missing_key", message, f"Add a line '{key}: …'{_example(key)}.", key=True)


def _example(key: str) -> str:
    examples = {
        "en": ", the text in English",
        "zh": ", the text in Chinese",
        "title": " with 'en:' and 'zh:' below it",
        "description": " with 'en:' and 'zh:' below it",
        "agents": " with an agent by name below it",
        "chains": " with '- name: …' and its 'agents: […]' below it",
        "planner": ", the agent that makes the plan",
    }
    return examples.get(key, "")


def _kind(document: YamlText, path: Path) -> Finding:
    value = _at(document.value, path)
    if not isinstance(value, dict) or "kind" not in value:
        hint = f"Add a line 'kind: …': {', '.join(KINDS)}."
        return _finding(document, path, "missing_key", f"{_owner(path).capitalize()} has no 'kind'.", hint, key=True)
    kind = value["kind"]
    message = f"{shown(kind)} is no kind of agent."
    return _finding(document, (*path, "kind"), "unknown_kind", message, did_you_mean(kind, KINDS))


def _value(document: YamlText, path: Path, error: ErrorDetails) -> Finding:
    kind, context = error["type"], error.get("ctx", {})
    value, owner = _at(document.value, path), f"'{path[-1]}'" if path else "The phase"
    if path and isinstance(path[-1], int):
        owner = f"An item of {_owner(path[:-1])}"
    if kind in _WANTED:
        message = f"{owner} must be {_WANTED[kind]}, not {_described(value)}."
        return _finding(document, path, "wrong_type", message, _type_hint(kind, value))
    if kind == "literal_error":
        allowed = [
            each.strip().strip("'") for each in str(context.get("expected", "")).replace(" or ", ", ").split(",")
        ]
        return _finding(
            document, path, "wrong_value", f"{shown(value)} is no value here.", did_you_mean(value, allowed)
        )
    if kind == "string_pattern_mismatch":
        return _finding(document, path, "bad_name", f"{shown(value)} is no name.", _name_hint(value))
    said = error["msg"][:300].replace("Tuple", "List")
    message = f"{owner}: {said[:1].lower()}{said[1:]}."
    code = "wrong_length" if "too_short" in kind or "too_long" in kind else "out_of_range"
    return _finding(document, path, code, message)


def _described(value: Any) -> str:
    names = {dict: "keys with values", list: "a list", type(None): "nothing"}
    return names.get(type(value)) or f"{shown(str(value).lower() if isinstance(value, bool) else value)}"


def _type_hint(kind: str, value: Any) -> str:
    if value is None:
        return "Write a value, or leave the key out."
    if kind == "string_type" and isinstance(value, int | float):
        return f'Put it into quotes: "{str(value).lower() if isinstance(value, bool) else value}".'
    if kind == "bool_type":
        return "Write true or false, without quotes."
    if kind == "tuple_type" and isinstance(value, str):
        return f"Write a list: [{value[:60]}]."
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return "Write the number without quotes or unit."
    if kind in ("model_type", "model_attributes_type") and isinstance(value, str):
        return "Write its keys below it, indented by two spaces."
    return ""


def _name_hint(value: object) -> str:
    lowered = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in str(value).lower())
    proposed = lowered.strip("_0123456789")[:48].rstrip("_")
    rule = "A name is made of a-z, 0-9 and _, begins with a letter and has at most 48 characters"
    return f"{rule}: '{proposed}', for example." if proposed else f"{rule}."


def _owner(path: Path) -> str:
    """What stands at this path, in a word."""
    match path:
        case ():
            return "the phase"
        case ("agents", name):
            return f"the agent {shown(name)}"
        case ("chains", int(number)):
            return f"chain {number + 1}"
        case (*_, int(number)):
            return f"item {number + 1}"
        case _:
            return f"'{path[-1]}'"


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _model_at(value: Any, path: Path) -> type[BaseModel] | None:
    """The shape that the mapping at this path must have."""
    shape: Any = PhaseDefinition
    for part in path:
        shape = _inner(_plain(shape, value), part)
        value = value[part]
    found = _plain(shape, value)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _plain(shape: Any, value: Any) -> Any:
    """A shape without what wraps it, and of several the one that this value says it has."""
    if typing.get_origin(shape) is Annotated:
        shape = typing.get_args(shape)[0]
    if typing.get_origin(shape) in (typing.Union, types.UnionType):
        options = [each for each in typing.get_args(shape) if each is not type(None)]
        return options[0] if len(options) == 1 else KINDS.get(str(value.get("kind")) if isinstance(value, dict) else "")
    return shape


def _inner(shape: Any, part: str | int) -> Any:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        declared = shape.model_fields.get(str(part))
        return declared.annotation if declared is not None else None
    arguments = typing.get_args(shape)
    return (arguments[1] if typing.get_origin(shape) is dict else arguments[0]) if arguments else None
