"""An agent that chooses who goes on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agents.messages.parts import Message
from agents.phases.definition import SelectorAgent
from agents.scheduler.briefing import briefing
from agents.scheduler.performance import TurnResult
from agents.scheduler.turns import Turn

_TEXTS = {
    "en": {
        "choices": "Who goes on?\n{choices}\nReply with one of these names.",
        "again": "{said!r} is none of them. Reply with exactly one of: {names}",
    },
    "zh": {
        "choices": "由谁继续？\n{choices}\n只回复其中一个名称。",
        "again": "{said!r} 不在其中。请只回复以下名称之一：{names}",
    },
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


async def act(turn: Turn) -> TurnResult:
    """The turn of a selector: its result is the name of its choice."""
    agent = turn.agent
    assert isinstance(agent, SelectorAgent)
    texts = _TEXTS["zh" if turn.work.language == "zh" else "en"]
    listed = "\n".join(f"- {name}: {what}" for name, what in agent.choices.items())
    messages = [*briefing(turn, "selector"), Message.of("user", texts["choices"].format(choices=listed))]
    said = await turn.ask(messages)
    choice = chosen(said.text, agent.choices)
    if choice is None:
        again = texts["again"].format(said=said.text.strip()[:80], names=", ".join(agent.choices))
        messages += [Message.of("assistant", said.text or "…"), Message.of("user", again)]
        said = await turn.ask(messages)
        choice = chosen(said.text, agent.choices)
    if choice is not None:
        return TurnResult(text="", result=choice)
    detail = f"It chose {said.text.strip()[:80]!r}, which is none of {', '.join(agent.choices)}; so {agent.fallback}."
    return TurnResult(text="", result=agent.fallback, detail=detail)


def chosen(said: str, choices: Mapping[str, str]) -> str | None:
    """The one choice that is named in what was said; None when there is none, or more than one."""
    named = {word for word in _NAME.findall(said.lower()) if word in choices}
    return named.pop() if len(named) == 1 else None
