"""The commands that there are: a few of our own, one for every tool, and one for every group of tools."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agents.commands.grammar import main_argument
from agents.commands.wording import Wording
from agents.tools.ports import ToolSpec

Kind = Literal["help", "tools", "open", "tool", "group"]

HELP, TOOLS, OPEN = "help", "tools", "open"
SHORT = {"search": "search_knowledge_base", "documents": "list_documents", "time": "current_time"}
"""Commands that stand for a tool of ours with a longer name."""
CHINESE = {"帮助": HELP, "工具": TOOLS, "打开": OPEN, "搜索": "search", "文档": "documents", "时间": "time"}
TITLES = {
    "en": {
        HELP: "What can be done here", TOOLS: "The tools that there are", OPEN: "Read a document",
        "off": "The tools that it needs are off.",
    },
    "zh": {HELP: "这里能做什么", TOOLS: "有哪些工具", OPEN: "阅读文档", "off": "它需要的工具已关闭。"},
}  # fmt: skip
OPENS, LISTS = "open_passage", "list_documents"
FEWEST_OF_A_GROUP = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """Something that can be typed after a slash. `tool` is what it calls, `members` the tools of a group by the word
    that follows its name; `reason` says why it cannot be used now."""

    name: str
    kind: Kind
    title: str = ""
    usage: str = ""
    tool: ToolSpec | None = None
    members: Mapping[str, ToolSpec] = field(default_factory=dict)
    reason: str = ""

    @property
    def risk(self) -> str:
        return self.tool.risk if self.tool is not None else "read"


class Commands:
    """The commands over these tools."""

    def __init__(self, specs: Iterable[ToolSpec], language: str = "en") -> None:
        """`language` is that of titles, as far as they have one in it."""
        self.specs = {spec.name: spec for spec in specs}
        self.language = language
        titles = TITLES["zh" if language == "zh" else "en"]
        own = [
            Command(name=HELP, kind="help", title=titles[HELP], usage="/help"),
            Command(name=TOOLS, kind="tools", title=titles[TOOLS], usage="/tools [words]"),
            Command(
                name=OPEN, kind="open", title=titles[OPEN], usage="/open path", tool=self.specs.get(OPENS),
                reason="" if OPENS in self.specs and LISTS in self.specs else titles["off"],
            ),
        ]  # fmt: skip
        short = [self._tool(name, self.specs[tool]) for name, tool in SHORT.items() if tool in self.specs]
        named = {each.name: each for each in [*own, *short]}
        tools = [self._tool(spec.name, spec) for spec in self.specs.values()]
        self._all = {**{each.name: each for each in [*self._groups(), *tools]}, **named}

    def get(self, name: str) -> Command | None:
        """The command of this name, in English or Chinese."""
        return self._all.get(CHINESE.get(name, name))

    def near(self, name: str) -> list[str]:
        """Names like this one."""
        return difflib.get_close_matches(name[:80], list(self._all), n=3, cutoff=0.5)

    def listed(self) -> list[Command]:
        """All of them, ours first, then groups, then tools by name."""
        order = {"help": 0, "tools": 1, "open": 2, "group": 4, "tool": 5}

        def place(command: Command) -> tuple[int, str]:
            return (3 if command.name in SHORT else order[command.kind], command.name)

        return sorted(self._all.values(), key=place)

    def _tool(self, name: str, spec: ToolSpec) -> Command:
        title = spec.titled(self.language) or spec.description.split(". ")[0][:120]
        return Command(
            name=name, kind="tool", title=title, tool=spec,
            usage=usage_of(name, spec), reason=spec.reason,
        )  # fmt: skip

    def _groups(self) -> list[Command]:
        """Tools of one source whose names begin with the same word, `prom_query` and `prom_series` for example."""
        grouped: dict[tuple[str, str], dict[str, ToolSpec]] = defaultdict(dict)
        for spec in self.specs.values():
            word, _, rest = spec.name.partition("_")
            if rest and spec.source != "builtin":
                grouped[spec.source, word][rest] = spec
        found: dict[str, Command] = {}
        say = Wording(self.language)
        for (source, word), members in grouped.items():
            if len(members) < FEWEST_OF_A_GROUP or word in self.specs or word in found:
                continue
            main = main_of(members)
            title = say("group", source=source, count=len(members), names=say("between").join(sorted(members)))
            found[word] = Command(
                name=word, kind="group", title=title[:200], members=members,
                tool=main, usage=f"/{word} {usage_of('', main).strip() if main else ' | '.join(sorted(members)[:6])}",
            )  # fmt: skip
        return list(found.values())


def main_of(members: Mapping[str, ToolSpec]) -> ToolSpec | None:
    """The tool of a group that free words go to: the one named `query`, else the only reading one that takes words."""
    if "query" in members:
        return members["query"]
    taking = [spec for spec in members.values() if spec.risk == "read" and main_argument(spec.parameters)]
    return taking[0] if len(taking) == 1 else None


def usage_of(name: str, spec: ToolSpec) -> str:
    """How a tool is called: its main argument as free words, the others by name, optional ones in brackets."""
    properties = spec.parameters.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required, main = spec.parameters.get("required") or (), main_argument(spec.parameters)
    parts = [f"/{name}"] if name else []
    for each in sorted(properties, key=lambda each: (each != main, each not in required)):
        value = each if each == main else f"{each}={_sample(properties[each])}"
        parts.append(value if each in required else f"[{value}]")
    return " ".join(parts[:9]) + (" …" if len(parts) > 9 else "")


def _sample(schema: object) -> str:
    if isinstance(schema, Mapping) and isinstance(schema.get("enum"), list):
        return "|".join(str(each) for each in schema["enum"][:5])
    # A letter and not a figure, which would look like the value it has when it is not given.
    kind = str(schema.get("type")) if isinstance(schema, Mapping) else ""
    return {"integer": "N", "number": "N", "boolean": "true|false", "array": "[…]", "object": "{…}"}.get(kind, "…")
