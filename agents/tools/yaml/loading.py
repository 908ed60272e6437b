"""Reads toolsets: a text of YAML to what it says, or to a sentence that says where it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import ValidationError

from agents.errors import ToolsetInvalid
from agents.tools.yaml.definition import StatementTemplate, Toolset

LONGEST = 1_000_000
DEEPEST = 100
_OPENS = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSES = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


def load_yaml(text: str, *, longest: int = LONGEST, aliases: int = 0) -> Any:
    """The value of a YAML text that is not too long, too deep or full of aliases, which can make little much; what
    aliases share is shared in memory, too. Raises ToolsetInvalid."""
    if len(text) > longest:
        raise ToolsetInvalid(f"The text is longer than {longest:,} characters.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_shape(yaml.scan(text, Loader=loader), aliases)
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise ToolsetInvalid(f"This cannot be read as YAML{line}: {getattr(error, 'problem', '') or error}.") from None
    except (RecursionError, ValueError, TypeError):
        raise ToolsetInvalid("This cannot be read as YAML: it holds a value that is none.") from None


def _check_shape(tokens: Iterable[Any], aliases: int) -> None:
    """Token by token, before anything is built: the parsers recurse, and one in C that goes too deep takes the process
    with it. Raises ToolsetInvalid."""
    depth = 0
    for token in tokens:
        if isinstance(token, _OPENS):
            depth += 1
            if depth > DEEPEST:
                raise ToolsetInvalid(f"The text is nested deeper than {DEEPEST} levels.")
        elif isinstance(token, _CLOSES):
            depth -= 1
        elif isinstance(token, yaml.AliasToken):
            aliases -= 1
            if aliases < 0:
                raise ToolsetInvalid("YAML aliases (*name) are not read: write the value where it is needed.")


def load_toolset(text: str, *, proves: bool = True) -> Toolset:
    """A toolset, checked down to its templates; with `proves` its statements are proved to read, which every call does
    again. Raises ToolsetInvalid."""
    from agents.tools.yaml.compiled import compiled

    try:
        toolset = Toolset.model_validate(load_yaml(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the toolset"
        raise ToolsetInvalid(f"{where}: {first['msg']}.") from None
    names = [tool.name for tool in toolset.tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ToolsetInvalid(f"Two tools are named {twice}.")
    for tool in toolset.tools:
        compiled(tool)
        if tool.statement is not None and proves:
            _prove(tool.name, tool.statement)
    return toolset


def _prove(name: str, statement: StatementTemplate) -> None:
    from agents.tools.sql.template import check_statement  # loads a parser that most processes never need

    try:
        check_statement(statement)
    except ToolsetInvalid as error:
        raise ToolsetInvalid(f"{name}: {error}") from None


@cache
def shipped() -> tuple[Toolset, ...]:
    """All toolsets that ship."""
    folder = files("agents.tools.platforms")
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".yaml")), key=lambda each: each.name)
    return tuple(load_toolset(each.read_text("utf-8"), proves=False) for each in found)


def platforms() -> dict[str, Toolset]:
    """Those whose connections are made by a form, by the kind of these connections."""
    return {toolset.kind: toolset for toolset in shipped() if not toolset.of and not toolset.is_local}


def toolsets_of(kind: str) -> tuple[Toolset, ...]:
    """Those that a connection of this kind switches on."""
    return tuple(each for each in shipped() if kind in (each.kind, each.of) and not each.is_local)


def local_toolsets() -> tuple[Toolset, ...]:
    """Those that run programs of this machine, and need no connection."""
    return tuple(each for each in shipped() if each.is_local)
