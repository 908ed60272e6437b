"""A tool's definition made ready: templates parsed, parameters inferred and described as a JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.errors import ToolsetInvalid
from agents.events import Risk
from agents.tools.commands.command import check_command
from agents.tools.yaml.decoding import check_decoder
from agents.tools.yaml.definition import RISK_OF, DeclaredTool, Parameter
from agents.tools.yaml.moments import HINT
from agents.tools.yaml.operations import operation_risk
from agents.tools.yaml.template import Template

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PATH_TEXT = re.compile(r"[A-Za-z0-9._~/-]{0,200}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_KEPT = frozenset(("host", "content-length", "transfer-encoding", "connection", "authorization", "cookie"))


@dataclass(frozen=True, kw_only=True, slots=True)
class PathPart:
    template: Template
    optional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A definition with its templates parsed; `schema` describes what a caller gives.

    `joined` are the arguments whose items are sent with commas between; `select_argument` is the one that says which
    part of the answer is wanted, if there is one; `answer` is the schema that a good answer should meet, if one is
    described.
    """

    definition: DeclaredTool
    path: tuple[PathPart, ...]
    query: Mapping[str, Any] | Template
    headers: Mapping[str, Template]
    json_body: Any
    form: Mapping[str, Any] | Template | None
    parameters: Mapping[str, Parameter]
    schema: Mapping[str, Any]
    joined: frozenset[str] = frozenset()
    select_argument: str = ""
    answer: Mapping[str, Any] | None = None

    @property
    def risk(self) -> Risk:
        """What a call may do."""
        definition = self.definition
        if definition.operation:
            return operation_risk(definition.operation)
        if definition.statement is not None or definition.command is not None:
            return "read"
        return definition.risk or RISK_OF[definition.request.method]


def compiled(tool: DeclaredTool) -> Compiled:
    """Raises ToolsetInvalid, with the tool's name, for templates that cannot be."""
    try:
        return _compiled(tool)
    except ToolsetInvalid as error:
        raise ToolsetInvalid(f"{tool.name}: {error}") from None


def _compiled(tool: DeclaredTool) -> Compiled:
    if tool.command is not None:
        check_command(tool)
    if tool.operation:
        operation_risk(tool.operation)
    check_decoder(tool.result.decode)
    request = tool.request
    path = tuple(_path_parts(request.path))
    if any(part.template.secrets for part in path):
        raise ToolsetInvalid("a secret must not stand in a path: it would be seen in addresses.")
    query = _tree(request.query)
    headers = {_header(name): Template.parse(text) for name, text in request.headers.items()}
    body, form = _tree(request.json_body), None if request.form is None else _tree(request.form)
    more = [Template.parse(text) for text in _texts(tool)]
    used = _variables([part.template for part in path], query, headers, body, form, more)
    if tool.operation:
        used = list(tool.parameters)
    optional = {name for part in path if part.optional for name in part.template.variables}
    unknown = set(tool.parameters) - set(used)
    if unknown:
        raise ToolsetInvalid(f"the parameter {min(unknown)} stands in no template.")
    parameters = {name: tool.parameters.get(name) or Parameter(required=name not in optional) for name in used}
    for name, parameter in parameters.items():
        _check(name, parameter)
    return Compiled(
        definition=tool,
        path=path,
        query=query,
        headers=headers,
        json_body=body,
        form=form,
        parameters=parameters,
        schema=_schema(parameters),
    )


def _texts(tool: DeclaredTool) -> Iterator[str]:
    """The templates of what is no request."""
    if tool.statement is not None:
        yield from (tool.statement.text, *tool.statement.texts.values(), tool.statement.run)
    if tool.command is not None:
        yield from tool.command.arguments


def _path_parts(path: str) -> Iterator[PathPart]:
    end = 0
    for match in _OPTIONAL.finditer(path):
        yield PathPart(template=Template.parse(path[end : match.start()]))
        yield PathPart(template=Template.parse(match[1]), optional=True)
        end = match.end()
    yield PathPart(template=Template.parse(path[end:]))


def _tree(value: Any, depth: int = 0) -> Any:
    """The same structure with templates for texts."""
    if depth > 20:
        raise ToolsetInvalid("a body is nested too deeply.")
    if isinstance(value, str):
        return Template.parse(value)
    if isinstance(value, dict):
        return {str(name): _tree(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_tree(each, depth + 1) for each in value]
    return value


def _variables(*trees: Any) -> list[str]:
    found: dict[str, None] = {}
    pending = list(reversed(trees))
    while pending:
        each = pending.pop()
        if isinstance(each, Template):
            found.update(dict.fromkeys(each.variables))
        elif isinstance(each, dict):
            pending.extend(reversed(list(each.values())))
        elif isinstance(each, list | tuple):
            pending.extend(reversed(each))
    return list(found)


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name) or name.lower() in _KEPT:
        raise ToolsetInvalid(f"{name[:50]!r} is no header that a toolset may set.")
    return name


def _check(name: str, parameter: Parameter) -> None:
    wrong = next((text for text in (parameter.paths or {}).values() if not _PATH_TEXT.fullmatch(text)), None)
    if wrong is not None:
        raise ToolsetInvalid(f"{wrong[:80]!r} of {name} is no part of a path.")
    if parameter.pattern:
        try:
            re.compile(parameter.pattern)
        except re.error:
            raise ToolsetInvalid(f"the pattern of {name} is no regular expression.") from None


def _schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    required = [name for name, each in parameters.items() if each.required and each.default is None]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _property(each) for name, each in parameters.items()},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _property(parameter: Parameter) -> dict[str, Any]:
    made: dict[str, Any] = {"type": parameter.type}
    description = parameter.description
    if parameter.time:
        description = f"{description} ({HINT})".strip()
    if description:
        made["description"] = description
    if parameter.type == "array":
        made["items"] = {"type": "string"}
    enum = list(parameter.paths) if parameter.paths else parameter.enum
    limits = {"pattern": parameter.pattern, "minimum": parameter.minimum, "maximum": parameter.maximum}
    more = {"enum": enum, "default": parameter.default, "maxLength": parameter.max_length, **limits}
    return made | {name: value for name, value in more.items() if value not in (None, "")}
