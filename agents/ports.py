"""What the agents floor asks of language models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.messages.parts import Message, ToolCall
from knowledge.types import Scope

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPiece:
    """The next piece of the model's answer."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFinished:
    """Why the model stopped; comes once, after all text and calls."""

    reason: FinishReason


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    input_tokens: int
    output_tokens: int


ModelEvent = TextPiece | ToolCall | ModelFinished | TokenUsage


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolDefinition:
    """What a model is told of a tool; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOptions:
    """How a model is to answer; None leaves it to the model. `tool_choice` is `auto`, `none`, `required` or a tool's
    name; with `json_mode` the answer is one JSON object."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tool_choice: str | None = None
    json_mode: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProfile:
    """What a model can do. None: not known, so it is asked for and its endpoint may refuse.

    `tool_calls`: `native` in the protocol, or `text`: only by what it writes. `context_length` counts tokens. Prices
    are of a million tokens, in whatever currency; 0 where none is known.
    """

    tool_calls: Literal["native", "text"] = "native"
    vision: bool | None = None
    json_mode: bool | None = None
    context_length: int | None = None
    streams_usage: bool = True
    input_price: float = 0.0
    output_price: float = 0.0


class ChatModel(Protocol):
    """A language model. Closing what `stream` returns closes the connection."""

    @property
    def name(self) -> str: ...

    @property
    def profile(self) -> ModelProfile: ...

    def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """The answer as it comes: text, then whole tool calls, then ModelFinished, then TokenUsage if it is counted.

        Raises ModelUnavailable, and ModelRefused, also for what the profile says the model cannot do (agents.errors).
        """
        ...


CodeStatus = Literal["finished", "error", "timeout", "memory", "killed", "output_limit"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFile:
    """A file in a session's folder: its path there, what it is, its size in bytes."""

    path: str
    media_type: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeResult:
    """What running code came to. `result` is the value of the last expression as text; `files` those it made or
    changed; output beyond its limit is cut in the middle, with a notice."""

    status: CodeStatus
    stdout: str = ""
    stderr: str = ""
    result: str = ""
    exit_code: int | None = None
    files: tuple[CodeFile, ...] = ()
    duration_ms: float = 0.0


class CodeRunner(Protocol):
    """Runs untrusted code in sessions that keep variables and files; a session is named by who uses it, such as a
    thread's id, and begins at its first use."""

    @property
    def languages(self) -> tuple[str, ...]: ...

    async def run(
        self, scope: Scope, session: str, code: str, *, language: str = "python", timeout_s: float | None = None
    ) -> CodeResult:
        """Raises AgentError when no sandbox can be had."""
        ...

    async def write_file(self, scope: Scope, session: str, path: str, content: bytes) -> None: ...

    async def read_file(self, scope: Scope, session: str, path: str) -> bytes:
        """Raises AgentError when it is not there or too large."""
        ...
