"""Arguments of a call, from what a model, a person or a program sent to what a tool takes; errors teach."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from jsonschema.protocols import Validator  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

from agents.errors import ToolFailed
from agents.tools.lenient_json import DEEPEST, NotJSON, read_json
from agents.tools.patterns import matches
from agents.tools.ports import ToolSpec
from agents.tools.secrets_masked import masked

MOST_CHARS = 200_000
_ERRORS_TOLD = 5
_SHOWN = 400


def parse_arguments(spec: ToolSpec, sent: str | Mapping[str, Any]) -> dict[str, Any]:
    """What was sent as a JSON object; empty text is no arguments. Raises ToolFailed."""
    if not isinstance(sent, str):
        value: Any = dict(sent)
    elif len(sent) > MOST_CHARS:
        raise _failed(spec, f"they are longer than {MOST_CHARS:,} characters.", "")
    else:
        try:
            value = read_json(sent) if sent.strip() else {}
        except NotJSON as error:
            where = f"at character {error.position + 1}: {error}"
            raise _failed(spec, f"they are not JSON, {where}.", _shortened(sent)) from None
    if not isinstance(value, dict):
        raise _failed(spec, "they must be one JSON object with the arguments by name.", _shortened(json.dumps(value)))
    return value


def checked_arguments(spec: ToolSpec, sent: str | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, which meet the tool's schema: numbers and truth values sent as text are taken as what they say.

    Raises ToolFailed, which says what was sent, what was wrong with which part of it, and what is allowed.
    """
    arguments = parse_arguments(spec, sent)
    problem = _unstorable(arguments)
    if problem:
        raise _failed(spec, problem, "")
    arguments = _coerced(spec.parameters, arguments)
    problems = list(_problems(spec, arguments))
    if problems:
        shown = _shortened(json.dumps(masked(spec.parameters, arguments), ensure_ascii=False))
        raise _failed(spec, " ".join(problems), shown)
    return arguments


def _failed(spec: ToolSpec, problem: str, shown: str) -> ToolFailed:
    sent = f" What was sent: {shown}" if shown else ""
    return ToolFailed(f"The arguments of {spec.name} cannot be used: {problem}{sent} {_allowed(spec)}")


def _allowed(spec: ToolSpec) -> str:
    """The arguments that there are, in a line."""
    properties = spec.parameters.get("properties") or {}
    if not isinstance(properties, Mapping) or not properties:
        return "It takes no arguments: {}."
    required = spec.parameters.get("required") or ()
    named = [
        f"{name} ({_kind(schema)}{', required' if name in required else ''})"
        for name, schema in list(properties.items())[:30]
    ]
    return f"It takes: {', '.join(named)}{' …' if len(properties) > 30 else ''}."


def _kind(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    if isinstance(schema.get("enum"), list):
        return "one of " + ", ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"][:12])
    kind = schema.get("type", "any")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _unstorable(arguments: Any) -> str:
    """What no database holds or nobody can read, of any argument; empty when there is nothing of the kind."""
    pending: list[tuple[Any, int]] = [(arguments, 0)]
    while pending:
        each, depth = pending.pop()
        if depth > DEEPEST:
            return f"they are nested deeper than {DEEPEST} levels."
        if isinstance(each, str) and ("\x00" in each or any("\ud800" <= letter <= "\udfff" for letter in each)):
            return "texts must not hold NUL characters or lone surrogates."
        if isinstance(each, float) and not math.isfinite(each):
            return "numbers must be finite."
        if isinstance(each, dict):
            pending.extend((part, depth + 1) for pair in each.items() for part in pair)
        elif isinstance(each, list | tuple):
            pending.extend((part, depth + 1) for part in each)
    return ""


def _coerced(schema: Mapping[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return arguments
    return {name: _coerce(properties.get(name), value) for name, value in arguments.items()}


def _coerce(schema: Any, value: Any) -> Any:
    """A text that stands for a number or truth value, as that, where the schema takes no text."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(value, str) or kind not in ("integer", "number", "boolean", "array", "object"):
        return value
    try:
        read = json.loads(value.strip().lower() if kind == "boolean" else value)
    except (ValueError, RecursionError):
        return value
    fits = {
        "integer": isinstance(read, int) and not isinstance(read, bool),
        "number": isinstance(read, int | float) and not isinstance(read, bool),
        "boolean": isinstance(read, bool),
        "array": isinstance(read, list),
        "object": isinstance(read, dict),
    }
    return read if fits[kind] and not _unstorable(read) else value


def _problems(spec: ToolSpec, arguments: dict[str, Any]) -> Iterator[str]:
    properties = spec.parameters.get("properties") or {}
    if "additionalProperties" not in spec.parameters and isinstance(properties, Mapping):
        # A misspelt argument that is optional would otherwise be passed over in silence.
        known = set(properties)
        if not any(word in spec.parameters for word in ("patternProperties", "allOf", "anyOf", "oneOf", "$ref")):
            yield from (f"There is no argument {name[:80]!r}." for name in list(arguments)[:50] if name not in known)
    try:
        errors = sorted(_validator(spec).iter_errors(arguments), key=lambda error: list(map(str, error.path)))
    except (SchemaError, Unresolvable, RecursionError, ValueError, TypeError, KeyError, AttributeError):
        raise ToolFailed(
            f"The description of {spec.name} is broken: its schema cannot be read, so it cannot be called."
        ) from None
    yield from (_told(error) for error in errors[:_ERRORS_TOLD])


def _told(error: ValidationError) -> str:
    """One error in a sentence: where, what is wrong, what is allowed. Values are not repeated: they may be secret."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    at = f"{where[:200]}: " if where else ""
    rule, allowed = error.validator, error.validator_value
    match rule:
        case "required":
            missing = [name for name in allowed if isinstance(error.instance, dict) and name not in error.instance]
            return f"{at}missing {', '.join(map(str, missing[:10]))}."
        case "type":
            wanted = " or ".join(allowed) if isinstance(allowed, list) else str(allowed)
            return f"{at}must be {wanted}, not {_type_of(error.instance)}."
        case "enum":
            return f"{at}must be one of {_shortened(json.dumps(allowed, ensure_ascii=False))}."
        case "additionalProperties":
            return f"{at}holds a name that is not known."
        case "anyOf" | "oneOf":
            return f"{at}meets none, or more than one, of the {len(allowed)} forms that are allowed."
        case _:
            return f"{at}breaks the rule {rule}: {_shortened(json.dumps(allowed, ensure_ascii=False, default=str))}."


def _type_of(value: Any) -> str:
    names = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null" if value is None else "something else")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def _pattern(validator: Validator, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and isinstance(pattern, str) and not matches(pattern, instance):
        yield ValidationError("does not match the pattern")


@lru_cache(maxsize=512)
def _compiled(text: str) -> Validator:
    # Schemas come from strangers: nothing is fetched for them, and their patterns cannot take for ever.
    kind = _safe_validator()
    schema = json.loads(text)
    kind.check_schema(schema)
    made: Validator = kind(schema, registry=Registry())
    return made


@lru_cache(maxsize=1)
def _safe_validator() -> Any:
    return extend(Draft202012Validator, {"pattern": _pattern})


def _validator(spec: ToolSpec) -> Validator:
    return _compiled(json.dumps(dict(spec.parameters), sort_keys=True, default=dict))
