"""What may come next in a command that is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents.commands.catalogue import SHORT, Command, Commands
from agents.commands.grammar import about, main_argument
from agents.commands.wording import Wording
from agents.tools.ports import ToolSpec

MOST = 12
_HEAD = re.compile(r"/(?P<name>[^\s/]*)(?P<space>\s*)(?P<rest>.*)", re.DOTALL)
_GIVEN = re.compile(r"(?:^|\s)([A-Za-z_][\w.-]*)=")


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """`text` is the whole of what is typed once this is taken."""

    text: str
    title: str = ""
    usage: str = ""
    risk: str = "read"
    reason: str = ""


def complete(prefix: str, commands: Commands) -> list[Completion]:
    """At most a dozen: names while the name is typed, then words of a group, then arguments that are not given yet."""
    typed = _HEAD.match(prefix)
    if typed is None:
        return []
    name = typed["name"].lower()
    if not typed["space"]:
        fitting = list(_beginning(name, commands))
        short = {command.tool.name for command in fitting if command.tool is not None and command.name in SHORT}
        return [_named(command) for command in fitting if command.name not in short][:MOST]
    command = commands.get(name)
    if command is None or command.reason:
        return []
    head, spec, say = f"/{typed['name']} ", command.tool, Wording(commands.language)
    word, space, _ = typed["rest"].partition(" ")
    if command.members:
        if not space:
            members = [
                _member(head, each, command.members[each], commands.language) for each in sorted(command.members)
            ]
            found = [each for each in members if each.text.startswith(head + word)]
            return found[:MOST] if found or spec is None else list(_arguments(prefix, spec, say))[:MOST]
        if word in command.members:
            spec = command.members[word]
    return list(_arguments(prefix, spec, say))[:MOST] if spec is not None and command.kind != "open" else []


def _beginning(name: str, commands: Commands) -> Iterator[Command]:
    listed = commands.listed()
    yield from (each for each in listed if each.name.startswith(name))
    if name:
        yield from (each for each in listed if name in each.name and not each.name.startswith(name))


def _named(command: Command) -> Completion:
    takes = command.kind in ("tools", "open") or command.tool is not None or bool(command.members)
    return Completion(
        text=f"/{command.name}{' ' if takes else ''}", title=command.title, usage=command.usage, risk=command.risk,
        reason=command.reason,
    )  # fmt: skip


def _member(head: str, word: str, spec: ToolSpec, language: str) -> Completion:
    return Completion(text=f"{head}{word} ", title=spec.titled(language) or spec.description[:120], risk=spec.risk)


def _arguments(prefix: str, spec: ToolSpec, say: Wording) -> Iterator[Completion]:
    properties = spec.parameters.get("properties")
    if not isinstance(properties, Mapping):
        return
    given = set(_GIVEN.findall(prefix))
    *before, last = prefix.split(" ")
    if any(word and "=" not in word for word in before[1:]):
        given.add(main_argument(spec.parameters) or "")
    key, equals, begun = last.partition("=")
    stem = prefix[: len(prefix) - len(last)]
    if equals:
        options = properties[key].get("enum") if isinstance(properties.get(key), Mapping) else None
        for option in options if isinstance(options, list) else []:
            if str(option).startswith(begun) and str(option) != begun:
                yield Completion(text=f"{stem}{key}={option}", title=key, risk=spec.risk)
        return
    required = spec.parameters.get("required") or ()
    for each in sorted(properties, key=lambda each: (each not in required, list(properties).index(each))):
        if each not in given and each.startswith(last):
            described = properties[each].get("description") if isinstance(properties[each], Mapping) else ""
            yield Completion(
                text=f"{stem}{each}=", title=about(properties[each], say, each in required),
                usage=str(described or ""), risk=spec.risk,
            )  # fmt: skip
