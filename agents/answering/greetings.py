"""Telling a greeting or thanks from a question."""

from __future__ import annotations

import re

LONGEST = 80
"""Characters; whoever writes more asks for something."""

_GREETINGS = re.compile(
    r"(?:(?:hi|hiya|hello|hey|howdy|there|good (?:morning|afternoon|evening|day)|how are you(?: doing)?"
    r"|thanks?(?: (?:you|a lot|so much|very much))?|thx|cheers|ok(?:ay)?|great|cool|perfect|bye|goodbye"
    r"|who are you|what are you|what can you do|what do you do|help me"
    r"|你好|您好|嗨|哈喽|早上好|上午好|下午好|晚上好|在吗|多谢|谢谢你?|感谢|好的|再见|你是谁|你能做什么|你会什么|帮帮我|帮助)"
    r"[\s,.!?~，。！？～啊呀]*)+",
    re.IGNORECASE,
)


def greets(said: str) -> bool:
    """Whether there is nothing in it but a greeting, thanks, or "who are you?", to which no document has an answer."""
    said = said.strip()
    return len(said) <= LONGEST and _GREETINGS.fullmatch(said) is not None
