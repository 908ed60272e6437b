"""Chat models of every provider that LangChain's `init_chat_model` reaches, named `provider:model`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.models.failures import refusal, without_keys
from agents.ports import Message, ModelEvent, TextPiece, TokenUsage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk


class LangChainModel:
    """A ChatModel over a LangChain chat model, made at its first use because its import takes a second.

    Retrying is left to the provider's package, which knows its own errors.
    """

    def __init__(
        self, model: str, *, name: str = "", api_key: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        self._model = model
        self._name = name or model
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

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[ModelEvent, None]:
        """The answer as it comes, usage last if the provider counts it. Raises ModelUnavailable, ModelRefused."""
        if self._chat is None:
            self._chat = await asyncio.to_thread(self._make)
        said = [(message.role, message.content) for message in messages]
        spent_in = spent_out = 0
        chunks = cast("AsyncGenerator[AIMessageChunk, None]", self._chat.astream(said))
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if text := chunk.text:
                        yield TextPiece(text=str(text))
                    if usage := chunk.usage_metadata:
                        spent_in += usage["input_tokens"]
                        spent_out += usage["output_tokens"]
        except AgentError:
            raise
        except Exception as error:  # the edge to any provider's package: each has error classes of its own
            raise self._failure(error) from None
        if spent_in or spent_out:
            yield TokenUsage(input_tokens=spent_in, output_tokens=spent_out)

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
