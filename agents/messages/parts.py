"""Messages of a conversation with a model, made of parts; as JSON they come back the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPart:
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePart:
    """A picture: its bytes in base64, and what they are (image/png)."""

    media_type: str
    data: str
    kind: Literal["image"] = "image"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call that a model asks for. `arguments` is JSON as the model wrote it, which may not be valid: whoever makes
    the call checks it. `id` is what its result refers to."""

    id: str
    name: str
    arguments: str
    kind: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What the call `call_id` came to, or with `is_error` why it could not be made."""

    call_id: str
    content: str
    is_error: bool = False
    kind: Literal["tool_result"] = "tool_result"


Part = TextPart | ImagePart | ToolCall | ToolResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Calls are parts of the assistant's messages, their results of messages of the role `tool`."""

    role: Role
    parts: tuple[Annotated[Part, Field(discriminator="kind")], ...]

    @classmethod
    def of(cls, role: Role, text: str) -> Message:
        """A message of text alone."""
        return cls(role=role, parts=(TextPart(text=text),))

    @property
    def text(self) -> str:
        """All its text."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls it asks for."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


_MESSAGE = TypeAdapter(Message)


def encode_message(message: Message) -> str:
    """The message as one JSON object."""
    return json.dumps(asdict(message), ensure_ascii=False)


def decode_message(text: str) -> Message:
    """The message `encode_message` wrote. Raises ValueError for anything else."""
    return _MESSAGE.validate_python(json.loads(text))
