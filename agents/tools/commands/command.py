"""A command made of a template: one argument for each text, whatever is in it, and no option from a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.patterns import is_quick, matches_whole
from agents.tools.yaml.definition import CommandTemplate, DeclaredTool, Parameter
from agents.tools.yaml.template import Template, as_text

_LONGEST = 1_000


def check_command(tool: DeclaredTool) -> None:
    """Raises ToolsetInvalid where a value could be anything."""
    command = tool.command
    for text in command.arguments if command is not None else ():
        template = Template.parse(text)
        if template.secrets:
            raise ToolsetInvalid("a secret must not stand in a command: everybody on the machine would see it.")
        for name in template.variables:
            _check(name, tool.parameters.get(name))


def _check(name: str, parameter: Parameter | None) -> None:
    is_typed = parameter is not None and (
        parameter.type in ("integer", "number", "boolean") or parameter.enum or parameter.pattern
    )
    if not is_typed or parameter is None or parameter.type in ("array", "object"):
        raise ToolsetInvalid(f"{name} stands in a command: give it a type, an enum or a pattern.")
    if parameter.pattern and not is_quick(parameter.pattern):
        raise ToolsetInvalid(f"the pattern of {name} might take for ever: write it without loops within loops.")


def arguments_of(command: CommandTemplate, parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> list[str]:
    """The arguments for these values; one whose value is missing is left out. Raises ToolFailed."""
    made = []
    for text in command.arguments:
        template = Template.parse(text)
        if template.lacks(values):
            continue
        argument = template.render(values, {}, lambda name, value: _word(name, value, parameters[name]))
        is_from_value = bool(template.pieces and template.pieces[0].variable)
        if is_from_value and argument.startswith("-") and not _is_number(values[template.pieces[0].variable]):
            raise ToolFailed(f"{template.pieces[0].variable} must not begin with a dash: it would be an option.")
        made.append(argument)
    return made


def _word(name: str, value: Any, parameter: Parameter) -> str:
    text = as_text(name, value)
    if not text.isprintable() or len(text) > _LONGEST:
        raise ToolFailed(f"{name} must be at most {_LONGEST} printable characters.")
    if parameter.pattern and not matches_whole(parameter.pattern, text):
        raise ToolFailed(f"{name} must match {parameter.pattern}, the whole of it.")
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
