"""An agent that thinks, calls tools and looks at what came of it, until it can answer."""

from __future__ import annotations

from collections.abc import Sequence

from agents.messages.parts import Message, TextPart, ToolCall
from agents.scheduler.asking import Said
from agents.scheduler.briefing import briefing
from agents.scheduler.fitting import fitted
from agents.scheduler.performance import TurnResult
from agents.scheduler.tool_calls import TurnTools
from agents.scheduler.turns import Turn

_LAST = {
    "en": "You have no more turns to call tools. Answer now from what you have, and say what is missing.",
    "zh": "不能再调用工具了。请根据已有的信息现在回答，并说明还缺什么。",
}


async def act(turn: Turn) -> TurnResult:
    """The turn of a react agent."""
    code = bool(getattr(turn.agent, "code", False))
    messages = briefing(turn, "react")
    text = await think(turn, messages, code=code)
    return TurnResult(text=text, said=turn.speaks)


async def think(turn: Turn, messages: Sequence[Message], *, code: bool) -> str:
    """The answer to these messages, with tools where there are any. It is said if the agent speaks: at once where no
    tool can be called, otherwise when it is known to be no thought before a call."""
    tools = TurnTools.of(turn, code=code)
    if tools is None:
        return await turn.say(messages)
    if tools.from_others:
        turn.influenced = True
    conversation = list(messages)
    room = None if turn.work.context.model is None else turn.work.context.model.profile.context_length
    for _ in range(turn.agent.max_steps - 1):
        said = await turn.ask(
            fitted(conversation, room), tools.definitions, thinks=lambda said: bool(said.calls) or not turn.speaks
        )
        if not said.calls:
            return await turn.tell(said.text)
        conversation.append(_asked(said))
        for call in said.calls:
            conversation.append(Message(role="tool", parts=(await tools.make(call),)))
    conversation.append(Message.of("user", _LAST["zh" if turn.work.language == "zh" else "en"]))
    return await turn.say(fitted(conversation, room))


def _asked(said: Said) -> Message:
    texts: tuple[TextPart, ...] = (TextPart(text=said.text),) if said.text else ()
    calls: tuple[ToolCall, ...] = said.calls
    return Message(role="assistant", parts=(*texts, *calls))
