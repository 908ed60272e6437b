"""Parameters of the OpenAI protocol: each is honoured, or refused by its name; none is passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backend.api.openai_cut import AnswerCut
from backend.errors import BackendError
from backend.limits import LONGEST_INSTRUCTIONS

if TYPE_CHECKING:
    from backend.api.openai_shapes import ChatRequest

SAMPLING = ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "reasoning_effort")
"""Passed on to the language model that writes; an extractive answer samples nothing and has no use for them."""

_TOOLS = "A phase answers from knowledge bases and calls no tools of its caller."
_TEXT = "Answers are text with citations; another form cannot be promised."
_LOGPROBS = "Answers are quoted or checked after they were written, so there are no token probabilities."
_REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "n": ((1,), "One answer is made for a request; ask again for another."),
    "tools": (([],), _TOOLS),
    "tool_choice": (("none", "auto"), _TOOLS),
    "parallel_tool_calls": ((True, False), _TOOLS),
    "functions": (([],), _TOOLS),
    "function_call": (("none", "auto"), _TOOLS),
    "response_format": (({"type": "text"},), _TEXT),
    "modalities": ((["text"],), _TEXT),
    "audio": ((), _TEXT),
    "verbosity": (("medium",), "The length of an answer is that of what its sources say; `max_tokens` cuts it."),
    "logprobs": ((False,), _LOGPROBS),
    "top_logprobs": ((0,), _LOGPROBS),
    "logit_bias": (({},), _LOGPROBS),
    "prediction": ((), "An answer is made from its sources, not from a prediction."),
    "moderation": ((), "Questions and answers go to no moderation."),
    "web_search_options": ((), "The web is not searched; add pages to a knowledge base."),
    "store": ((False,), "Completions are not stored; conversations under /api/v1/threads are."),
    "service_tier": (("auto", "default"), "There is one tier of service."),
}
"""The values besides null that ask for nothing special, and why there is nothing else."""


class ParameterRefused(BackendError):
    """A parameter that cannot be honoured; `param` is its name."""

    code = "unsupported_parameter"

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class ValueRefused(ParameterRefused):
    """A value of a parameter that cannot be honoured."""

    code = "unsupported_value"


class ModelNotFound(ParameterRefused):
    """There is no model of this name."""

    code = "model_not_found"


def check_parameters(body: ChatRequest) -> None:
    """Raises ParameterRefused for the first parameter that no phase honours."""
    for name, (harmless, reason) in _REFUSED.items():
        value = getattr(body, name)
        # True is 1 and False 0 to Python, and neither to JSON.
        fine = value is None or any(value == each and type(value) is type(each) for each in harmless)
        if not fine:
            refusal = ValueRefused if harmless else ParameterRefused
            raise refusal(name, f"Unsupported parameter: '{name}'. {reason}")
    if body.stream_options is not None and not body.stream:
        raise ValueRefused("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    if body.stream_options is not None and body.stream_options.include_obfuscation:
        raise ValueRefused("stream_options.include_obfuscation", "Streams are not padded.")
    _check_messages(body)
    if len(instructions_of(body)) > LONGEST_INSTRUCTIONS:
        raise ValueRefused("messages", f"System messages are longer than {LONGEST_INSTRUCTIONS:,} characters together.")


def _check_messages(body: ChatRequest) -> None:
    for number, message in enumerate(body.messages):
        if message.role in ("tool", "function"):
            raise ValueRefused(f"messages[{number}].role", f"Unsupported role: {message.role!r}. {_TOOLS}")
        for name in ("tool_calls", "function_call"):
            if getattr(message, name):
                raise ParameterRefused(f"messages[{number}].{name}", f"Unsupported parameter: '{name}'. {_TOOLS}")
        if isinstance(message.content, list):
            for place, part in enumerate(message.content):
                if part.type not in ("text", "refusal"):
                    where = f"messages[{number}].content[{place}]"
                    raise ValueRefused(where, f"Parts of type {part.type[:50]!r} cannot be read; send text.")


def instructions_of(body: ChatRequest) -> str:
    """What the caller's system and developer messages ask for, one after the other."""
    said = (message.text.strip() for message in body.messages if message.role in ("system", "developer"))
    return "\n\n".join(filter(None, said))


def sampling_of(body: ChatRequest) -> dict[str, Any]:
    """What the language model is asked to sample by, if one writes the answer."""
    return {name: value for name in SAMPLING if (value := getattr(body, name)) is not None}


def cut_of(body: ChatRequest) -> AnswerCut:
    """Where the answer to this request ends."""
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    limits = [limit for limit in (body.max_tokens, body.max_completion_tokens) if limit is not None]
    return AnswerCut(stops, min(limits, default=None))
