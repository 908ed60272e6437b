"""What can be done here: commands, tools, and the modes that work now or would with something more."""

from __future__ import annotations

from collections.abc import Iterable

from agents.commands.catalogue import Command, Commands
from agents.commands.rendering import cell
from agents.commands.wording import Wording
from agents.phases.catalogue import PhaseEntry
from agents.phases.phase import Requirement
from agents.tools.ports import ToolSpec

MOST_TOOLS = 20


def help_text(commands: Commands, modes: Iterable[PhaseEntry], say: Wording, abilities: frozenset[Requirement]) -> str:
    """The answer to `/help`; `abilities` are what there is of that which modes require."""
    listed = commands.listed()
    own = [each for each in listed if each.kind not in ("tool", "group") or each.name not in commands.specs]
    own = [each for each in own if each.kind != "group"]
    groups = [each for each in listed if each.kind == "group"]
    parts = [say("help"), say("commands"), _lines(own, say)]
    if groups:
        parts += [say("groups"), _lines(groups[:MOST_TOOLS], say)]
    parts += [_tool_part(commands, say), *_mode_parts(modes, say, abilities)]
    return "\n\n".join(part for part in parts if part)


def tools_text(commands: Commands, ranked: Iterable[ToolSpec] | None, say: Wording) -> str:
    """The answer to `/tools`; `ranked` are those that its words found."""
    specs = list(commands.specs.values()) if ranked is None else list(ranked)
    if not specs:
        return say("no_tools_at_all" if not commands.specs else "no_tools")
    shown = [each for spec in specs[: 3 * MOST_TOOLS] if (each := commands.get(spec.name)) is not None]
    more = say("more", count=len(specs) - len(shown)) if len(specs) > len(shown) else ""
    return "\n\n".join(part for part in (_lines(shown, say), more) if part)


def _tool_part(commands: Commands, say: Wording) -> str:
    tools = [each for each in commands.listed() if each.kind == "tool" and each.name in commands.specs]
    if not tools:
        return ""
    more = say("more", count=len(tools) - MOST_TOOLS) if len(tools) > MOST_TOOLS else ""
    head = say("tools", count=len(tools))
    return "\n\n".join(part for part in (head, _lines(tools[:MOST_TOOLS], say), more) if part)


def _lines(commands: Iterable[Command], say: Wording) -> str:
    return "\n".join(_line(command, say) for command in commands)


def _line(command: Command, say: Wording) -> str:
    asks = {"write": "asks", "unknown": "asks", "destructive": "asks_twice"}.get(command.risk)
    notes = [cell(command.title), say("note", text=say(asks)) if asks else "", cell(command.reason)]
    return f"- `{command.usage}` " + " ".join(note for note in notes if note)


def _mode_parts(modes: Iterable[PhaseEntry], say: Wording, abilities: frozenset[Requirement]) -> list[str]:
    now, with_model, lacking = list[str](), list[str](), list[str]()
    for mode in modes:
        title, about = (getattr(each, say.language) for each in (mode.title, mode.description))
        line = f"- **{cell(title)}** {cell_long(about)}"
        missing = sorted(mode.requires - abilities)
        if mode.problem:
            continue
        if not missing:
            now.append(line)
        elif missing == ["model"]:
            with_model.append(line)
        else:
            text = say("between").join(say(name) for name in missing)
            lacking.append(f"{line} {say('note', text=text)}")
    pairs = (("now", now), ("with_model", with_model), ("lacking", lacking))
    return [f"{say(key)}\n\n" + "\n".join(lines) for key, lines in pairs if lines]


def cell_long(text: str) -> str:
    """A sentence of ours; it is not cut."""
    return " ".join(text.split())
