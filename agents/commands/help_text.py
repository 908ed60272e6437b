"""What can be done here: commands, tools, and the modes that work now or would with something more."""

from __future__ import annotations

from collections.abc import Iterable

from agents.commands.catalogue import Command, Commands
from agents.commands.rendering import cell
from agents.commands.wording import Wording
from agents.phases.phase import Phase
from agents.tools.ports import ToolSpec

MOST_TOOLS = 20


def help_text(commands: Commands, phases: Iterable[Phase], say: Wording, *, has_model: bool) -> str:
    """The answer to `/help`."""
    listed = commands.listed()
    own = [each for each in listed if each.kind not in ("tool", "group") or each.name not in commands.specs]
    own = [each for each in own if each.kind != "group"]
    groups = [each for each in listed if each.kind == "group"]
    parts = [say("help"), say("commands"), _lines(own, say)]
    if groups:
        parts += [say("groups"), _lines(groups[:MOST_TOOLS], say)]
    parts += [_tool_part(commands, say), *_mode_parts(phases, say, has_model=has_model)]
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
    notes = [cell(command.title), f"({say(asks)})" if asks else "", cell(command.reason)]
    return f"- `{command.usage}` " + " ".join(note for note in notes if note)


def _mode_parts(phases: Iterable[Phase], say: Wording, *, has_model: bool) -> list[str]:
    now, with_model, lacking = list[str](), list[str](), list[str]()
    for phase in phases:
        text = phase.description.zh if say.language == "zh" else phase.description.en
        others = phase.requires - {"model"}
        line = f"- **{cell(phase.name)}** {cell_long(text)}"
        if others:
            lacking.append(f"{line} ({', '.join(sorted(others))})")
        elif "model" in phase.requires and not has_model:
            with_model.append(line)
        else:
            now.append(line)
    pairs = (("now", now), ("with_model", with_model), ("lacking", lacking))
    return [f"{say(key)}\n\n" + "\n".join(lines) for key, lines in pairs if lines]


def cell_long(text: str) -> str:
    """A sentence of ours; it is not cut."""
    return " ".join(text.split())
