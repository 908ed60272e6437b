"""Reads toolsets: a text of YAML to what it says, or to a sentence that says where it is wrong."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import ValidationError

from agents.errors import ToolsetInvalid
from agents.tools.yaml.definition import Toolset

LONGEST = 1_000_000


def load_yaml(text: str, *, longest: int = LONGEST) -> Any:
    """The value of a YAML text; aliases, which can make little much, are refused. Raises ToolsetInvalid."""
    if len(text) > longest:
        raise ToolsetInvalid(f"The text is longer than {longest:,} characters.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
            raise ToolsetInvalid("YAML aliases (*name) are not read: write the value where it is needed.")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise ToolsetInvalid(f"This cannot be read as YAML{line}: {getattr(error, 'problem', '') or error}.") from None
    except (RecursionError, ValueError):
        raise ToolsetInvalid(
            "This cannot be read as YAML: it is nested too deeply or holds a value that is none."
        ) from None


def load_toolset(text: str) -> Toolset:
    """A toolset, checked down to its templates. Raises ToolsetInvalid."""
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
    return toolset


@cache
def platforms() -> dict[str, Toolset]:
    """The toolsets that ship, by the kind of connection that switches them on."""
    folder = files("agents.tools.platforms")
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".yaml")), key=lambda each: each.name)
    toolsets = [load_toolset(each.read_text("utf-8")) for each in found]
    return {toolset.kind: toolset for toolset in toolsets}
