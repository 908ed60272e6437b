"""Telling a greeting or thanks from a question."""

from __future__ import annotations

import re

LONGEST = 80
"""Characters; whoever writes more asks for something."""

_ASKED_OF_US = re.compile(
    r"(?:(?:hi|hello|hey)[\s,!.]+)?(?:so[\s,]+)?"
    r"(?:who are you|what are you|what can you do(?: for me)?|what can i (?:do|ask)(?: here)?|what do you do"
    r"|how can you help(?: me)?|help me|introduce yourself"
    r"|(?:你好|您好|嗨)?[\s,，!！。]*(?:请问)?"
    r"你(?:是谁|能做什么|能做些什么|会做什么|会什么|能干什么|能帮我做什么|可以做什么|有什么功能)"
    r"|我能(?:在这里)?(?:做什么|问什么)|介绍一下(?:你)?自己|帮帮我|帮助)"
    r"[\s,.!?~，。！？～啊呀呢]*",
    re.IGNORECASE,
)

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
    return len(said) <= LONGEST and (_GREETINGS.fullmatch(said) is not None or asks_of_us(said))


def asks_of_us(said: str) -> bool:
    """Whether it asks what the product is and can do: "what can you do?"."""
    said = said.strip()
    return len(said) <= LONGEST and _ASKED_OF_US.fullmatch(said) is not None
