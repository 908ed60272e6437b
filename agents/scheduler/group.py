"""Several agents that speak in turn until one says the phrase that ends the talk."""

from __future__ import annotations

from agents.messages.trust import wrap_untrusted
from agents.phases.definition import GroupAgent
from agents.scheduler.performance import TurnResult
from agents.scheduler.turns import Task, Turn, take

_SO_FAR = {
    "en": "The talk so far, between the markers with the code {code}; it is your turn:",
    "zh": "到目前为止的讨论，位于带有代码 {code} 的标记之间；现在轮到你：",
}
_STOP = {
    "en": "When the talk has come to its end, write {phrase} on a line of its own.",
    "zh": "讨论可以结束时，请单独写一行：{phrase}",
}


async def act(turn: Turn) -> TurnResult:
    """The turn of a group; its text is the talk."""
    agent = turn.agent
    assert isinstance(agent, GroupAgent)
    talk: list[tuple[str, str]] = []
    for number in range(agent.max_turns):
        speaker = await _speaker(turn, agent, number, talk)
        below = turn.below(speaker, _task(turn, agent, talk))
        result = await take(below)
        turn.influenced = turn.influenced or result.influenced
        talk.append((speaker, _without_phrase(result.text, agent.stop_phrase)))
        if _ends(result.text, agent.stop_phrase):
            return TurnResult(text=_joined(talk), result="stopped", detail=f"{speaker} ended the talk.")
    return TurnResult(text=_joined(talk), result="max_turns", detail=f"The talk ended after {agent.max_turns} turns.")


async def _speaker(turn: Turn, agent: GroupAgent, number: int, talk: list[tuple[str, str]]) -> str:
    """Who is next: the choice of the group's selector, or else the next in order."""
    if agent.speaker is None:
        return agent.members[number % len(agent.members)]
    below = turn.below(agent.speaker, _task(turn, agent, talk), live=False)
    result = await take(below)
    turn.influenced = turn.influenced or result.influenced
    return result.result if result.result in agent.members else agent.members[number % len(agent.members)]


def _task(turn: Turn, agent: GroupAgent, talk: list[tuple[str, str]]) -> Task:
    language = "zh" if turn.work.language == "zh" else "en"
    parts: list[str] = []
    if talk:
        parts.append(_SO_FAR[language].format(code=turn.work.code))
        parts += [wrap_untrusted("said", text, turn.work.code, agent=name) for name, text in talk]
    if agent.stop_phrase:
        parts.append(_STOP[language].format(phrase=agent.stop_phrase))
    return Task(parts=tuple(parts))


def _ends(text: str, phrase: str) -> bool:
    return bool(phrase) and any(line.strip() == phrase for line in text.splitlines())


def _without_phrase(text: str, phrase: str) -> str:
    return "\n".join(line for line in text.splitlines() if not phrase or line.strip() != phrase).strip()


def _joined(talk: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"{name}: {text}" for name, text in talk if text)
