"""An agent that answers with one call of its model, in a certain shape if it is given one."""

from __future__ import annotations

import json

from agents.errors import OutputInvalid
from agents.messages.parts import Message
from agents.phases.definition import SingleAgent
from agents.scheduler.briefing import briefing
from agents.scheduler.performance import TurnResult
from agents.scheduler.structured import NotOfShape, ask_object
from agents.scheduler.turns import Turn

_SHAPE = {
    "en": "Reply with nothing but one JSON object that meets this JSON Schema: {schema}",
    "zh": "只回复一个符合以下 JSON Schema 的 JSON 对象：{schema}",
}


async def act(turn: Turn) -> TurnResult:
    """The turn of a single agent. Raises OutputInvalid."""
    assert isinstance(turn.agent, SingleAgent)
    messages = briefing(turn)
    schema = turn.agent.output
    if schema is None:
        return TurnResult(text=await turn.say(messages), said=turn.speaks)
    shape = _SHAPE["zh" if turn.work.language == "zh" else "en"].format(schema=json.dumps(schema, ensure_ascii=False))
    try:
        value = await ask_object(turn, [*messages, Message.of("user", shape)], schema)
    except NotOfShape as error:
        raise OutputInvalid(f"The agent {turn.name} gave no answer of the shape that it has to have. {error}") from None
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return TurnResult(text=await turn.tell(f"```json\n{text}\n```") if turn.speaks else text, said=turn.speaks)
