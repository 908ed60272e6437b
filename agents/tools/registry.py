"""All tools of a scope under names that are unique and stay the same, whatever one source does."""

from __future__ import annotations

import hashlib
import logging
import operator
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agents.errors import AgentError
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSource, ToolSpec
from knowledge.errors import KnowledgeError
from knowledge.types import Scope

MOST_OF_A_SOURCE = 5_000
MOST_TOOLS = 20_000
BUILT_IN = "builtin"
"""The source of the product's own tools, whose descriptions are trusted."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_UNSAFE = re.compile(r"[^a-z0-9]+")
_RISKS = ("read", "write", "destructive", "unknown")

_REMEMBERED = 64
"""Scopes whose listing is kept."""
_Given = list[tuple[str, bool, Sequence[Tool]]]
"""The name of each source, whether others brought it, and its tools."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The tools by name, and of each source that is broken, or gave something that cannot be used, what is wrong."""

    tools: Mapping[str, Tool]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenamedTool:
    """A tool under another name than its source gave it."""

    tool: Tool
    spec: ToolSpec

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """As the tool itself."""
        return await self.tool.call(arguments, context)


class ToolRegistry:
    """Joins sources. Those given first come first: a later tool whose name is taken goes by that of its source, too."""

    def __init__(
        self, sources: Sequence[ToolSource] = (), more: Callable[[Scope], Sequence[ToolSource]] | None = None
    ) -> None:
        """`more` are the sources that a scope has of its own, such as those in the database; asked for each listing."""
        self._sources = tuple(sources)
        self._more = more
        self._listed: OrderedDict[Scope, tuple[_Given, Listing]] = OrderedDict()

    def tools(self, scope: Scope) -> Listing:
        """What there is now; may be called in a thread. Sources are asked every time; while they give the same tools,
        the listing is the one made of them before."""
        problems: dict[str, str] = {}
        others = [(source, True) for source in self._others(scope, problems)]
        given: _Given = [
            (source.name, is_other, _tools_of(source, scope, problems))
            for source, is_other in (*((source, False) for source in self._sources), *others)
        ]
        listed = self._listed.get(scope)
        if problems or listed is None or not _are_same(listed[0], given):
            listed = self._listed[scope] = given, _listing(given, problems)
            while len(self._listed) > _REMEMBERED:
                with suppress(KeyError):  # another thread may have been as quick
                    self._listed.popitem(last=False)
        return listed[1]

    def _others(self, scope: Scope, problems: dict[str, str]) -> Sequence[ToolSource]:
        try:
            return () if self._more is None else tuple(self._more(scope))
        except Exception as error:  # the edge of what others wrote: the tools that are there stay
            problems["tool-sources"] = _reason(error)
            return ()


def _listing(given: _Given, problems: dict[str, str]) -> Listing:
    tools: dict[str, Tool] = {}
    for source, is_other, found in given:
        for tool in found:
            if len(tools) >= MOST_TOOLS:
                problems[source] = f"There are more than {MOST_TOOLS:,} tools; those of it are left out."
                break
            _add(tools, tool, source, problems, is_other=is_other)
    return Listing(tools=tools, problems=problems)


def _are_same(before: _Given, now: _Given) -> bool:
    """Whether these are the very same tools: a tool that only looks like another may have been made anew."""
    return len(before) == len(now) and all(
        (name, is_other, len(tools)) == (name_before, is_other_before, len(tools_before))
        and all(map(operator.is_, tools_before, tools))
        for (name_before, is_other_before, tools_before), (name, is_other, tools) in zip(before, now, strict=True)
    )


def safe_name(text: str) -> str:
    """A name made of this text that a tool may have: lower case letters, digits and underscores, at most 64. Where
    something is left out or cut off, a short hash keeps different texts apart."""
    lower = text.lower()
    slug = _UNSAFE.sub("_", lower).strip("_")
    if slug and not slug[0].isalpha():
        slug = f"tool_{slug}"
    if _NAME.fullmatch(slug) and slug == lower.replace("-", "_").replace(".", "_"):
        return slug
    suffix = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{slug[:57].rstrip('_') or 'tool'}_{suffix}"


def _tools_of(source: ToolSource, scope: Scope, problems: dict[str, str]) -> Sequence[Tool]:
    try:
        found = list(source.tools(scope))
    except Exception as error:  # the edge of a source: one that is broken never hides the others
        _log.warning("the tools of source %s cannot be had: %s", source.name, type(error).__name__)
        problems[source.name] = _reason(error)
        return ()
    if len(found) > MOST_OF_A_SOURCE:
        problems[source.name] = f"It has {len(found):,} tools; the first {MOST_OF_A_SOURCE:,} are taken."
    return found[:MOST_OF_A_SOURCE]


def _add(tools: dict[str, Tool], tool: Tool, source: str, problems: dict[str, str], *, is_other: bool) -> None:
    try:
        spec = _as_other(tool.spec) if is_other else tool.spec
        name = _free_name(tools, spec)
        if not isinstance(spec.parameters, Mapping) or spec.risk not in _RISKS:
            raise KnowledgeError(f"The tool {spec.name[:80]!r} has no schema that can be used.")
    except Exception as error:  # the same edge
        problems[source] = _reason(error)
        return
    is_same = (spec.name, spec.source) == (name, tool.spec.source)
    tools[name] = tool if is_same else RenamedTool(tool=tool, spec=replace(spec, name=name))


def _as_other(spec: ToolSpec) -> ToolSpec:
    """The spec of a tool that others brought: it does not pass for one of the product."""
    return replace(spec, source="not built in") if spec.source == BUILT_IN else spec


def _free_name(tools: Mapping[str, Tool], spec: ToolSpec) -> str:
    name = spec.name if _NAME.fullmatch(spec.name) else safe_name(spec.name)
    if name not in tools:
        return name
    name = safe_name(f"{spec.source}_{spec.name}")
    if name in tools:
        raise KnowledgeError(f"It has several tools named {spec.name[:80]!r}; the first is taken.")
    return name


def _reason(error: Exception) -> str:
    """What may be told: the sentences of our own errors, of others the kind alone."""
    if isinstance(error, AgentError | KnowledgeError):
        return str(error)
    return f"It broke off with an error of its own ({type(error).__name__}); the log says where."
