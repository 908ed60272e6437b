"""Chat models of every provider that LangChain's `init_chat_model` reaches, named `provider:model`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.messages.parts import Message
from agents.models.capabilities import check_capabilities
from agents.models.characters import Characters
from agents.models.failures import refusal, without_keys
from agents.models.openai_messages import finish_reason, wire_tool_choice, wire_tools
from agents.models.spec import ModelSpec
from agents.models.tool_call_deltas import ToolCallDeltas
from agents.ports import (
    ChatModel,
    ModelEvent,
    ModelFinished,
    ModelOptions,
    ModelProfile,
    TextPiece,
    TokenUsage,
    ToolDefinition,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk


class LangChainModel:
    """A ChatModel over a LangChain chat model, made at its first use because its import takes a second.

    Retrying is left to the provider's package, which knows its own errors.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str = "",
        api_key: str = "",
        profile: ModelProfile | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """`options` are the provider's own, for making its model."""
        self._model = model
        self._name = name or model
        self._profile = profile or ModelProfile()
        self._options = {**(options or {}), **({"api_key": api_key} if api_key else {})}
        self._keys = (api_key,)
        self._chat: BaseChatModel | None = None

    @classmethod
    def over(cls, chat: BaseChatModel, *, name: str) -> LangChainModel:
        """The same port over a LangChain chat model that is there already."""
        model = cls(name)
        model._chat = chat
        return model

    @property
    def name(self) -> str:
        return self._name

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """See ChatModel."""
        check_capabilities(self._name, self._profile, messages, tools, options)
        if self._chat is None:
            self._chat = await asyncio.to_thread(self._make)
        answer = _Answer()
        try:
            chunks = self._ask(self._chat, messages, tools, options or ModelOptions())
            async with aclosing(chunks):
                async for chunk in chunks:
                    if text := answer.take(chunk):
                        yield TextPiece(text=text)
        except AgentError:
            raise
        except Exception as error:  # the edge to any provider's package: each has error classes of its own
            raise self._failure(error) from None
        for event in answer.end():
            yield event

    def _ask(
        self, chat: BaseChatModel, messages: Sequence[Message], tools: Sequence[ToolDefinition], options: ModelOptions
    ) -> AsyncGenerator[AIMessageChunk, None]:
        from agents.models.langchain_messages import to_langchain

        asked: Any = chat
        if tools:
            asked = chat.bind_tools(wire_tools(tools), tool_choice=wire_tool_choice(options.tool_choice))
        given = {
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "stop": list(options.stop) or None,
            "response_format": {"type": "json_object"} if options.json_mode else None,
        }
        given = {name: value for name, value in given.items() if value is not None}
        return cast("AsyncGenerator[AIMessageChunk, None]", asked.astream(to_langchain(messages), **given))

    def _make(self) -> BaseChatModel:
        from langchain.chat_models import init_chat_model

        try:
            return cast("BaseChatModel", init_chat_model(self._model, **self._options))
        except ImportError as error:
            raise ModelRefused(f"{self._model} needs a package that is not installed. {error}") from None
        except Exception as error:  # a provider's package checks its own settings when it is made
            raise ModelRefused(f"{self._model} cannot be set up: {without_keys(str(error), self._keys)}") from None

    def _failure(self, error: Exception) -> AgentError:
        detail = without_keys(str(error), self._keys)
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            return refusal(status, where=f"The provider of {self._model}", model=self._model, detail=detail)
        return ModelUnavailable(
            f"{self._model} did not answer: {detail or type(error).__name__}. Check its settings, or ask again."
        )


class _Answer:
    """What the chunks of an answer have said beside its text."""

    def __init__(self) -> None:
        self._characters = Characters()
        self._calls = ToolCallDeltas()
        self._reason = ""
        self._spent_in = self._spent_out = 0

    def take(self, chunk: AIMessageChunk) -> str:
        """The text in a chunk; the rest of it is kept."""
        for call in chunk.tool_call_chunks:
            index = call.get("index")
            self._calls.add(index if isinstance(index, int) else None, call["id"], call["name"], call["args"])
        said = chunk.response_metadata
        self._reason = said.get("finish_reason") or said.get("stop_reason") or self._reason
        if usage := chunk.usage_metadata:
            self._spent_in += usage["input_tokens"]
            self._spent_out += usage["output_tokens"]
        return self._characters.take(str(chunk.text))

    def end(self) -> list[ModelEvent]:
        """The end of the text, and what follows it."""
        calls = self._calls.calls
        reason = "tool_calls" if calls else finish_reason(self._reason)
        events: list[ModelEvent] = [TextPiece(text=rest)] if (rest := self._characters.end()) else []
        events += [*calls, ModelFinished(reason=reason)]
        if self._spent_in or self._spent_out:
            events.append(TokenUsage(input_tokens=self._spent_in, output_tokens=self._spent_out))
        return events


class LangChainProvider:
    """A ModelProvider of everything that is named `provider:model`."""

    name = "langchain"

    def serves(self, spec: ModelSpec) -> bool:
        """Every model without a URL whose name begins with a provider's."""
        return not spec.base_url and ":" in spec.model

    def open(self, spec: ModelSpec) -> ChatModel:
        """See ModelProvider."""
        return LangChainModel(
            spec.model, name=spec.name, api_key=spec.api_key, profile=spec.profile, options=spec.sampling
        )

    async def prepare(self) -> None:
        """Nothing: LangChain is imported at the first use of one of its models, which may never come."""

    async def aclose(self) -> None:
        """Nothing: its models keep their connections themselves."""
