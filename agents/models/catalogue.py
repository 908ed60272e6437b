"""From where a model is to a ChatModel that can be asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing

from agents.errors import ModelRefused, ModelUnavailable
from agents.messages.parts import Message
from agents.models.limits import LimitedModel, ModelLimits
from agents.models.providers import ModelProvider, default_providers
from agents.models.spec import ModelSpec
from agents.models.thinking import AnswerOnlyModel
from agents.ports import ChatModel, TextPiece


class ModelCatalogue:
    """Opens models by the first of its providers that serves them.

    `timeout_s` bounds each silence of an endpoint. Belongs to the event loop that first uses it; `aclose` it there.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float = 10.0,
        timeout_s: float = 120.0,
        providers: Sequence[ModelProvider] | None = None,
    ) -> None:
        self._providers = (
            default_providers(connect_timeout_s=connect_timeout_s, timeout_s=timeout_s)
            if providers is None
            else providers
        )
        self._limits: dict[tuple[str, str, int, int], ModelLimits] = {}

    def open(self, spec: ModelSpec) -> ChatModel:
        """A model to ask; nothing is sent yet. Raises ModelRefused for an address that cannot be one."""
        for provider in self._providers:
            if provider.serves(spec):
                return self._limited(spec, AnswerOnlyModel(provider.open(spec)))
        raise ModelRefused(
            f"{spec.model!r} has no address: give the URL of its endpoint, or name it as provider:model."
        )

    def _limited(self, spec: ModelSpec, model: ChatModel) -> ChatModel:
        if not (spec.at_once or spec.per_minute):
            return model
        key = (spec.base_url, spec.model, spec.at_once, spec.per_minute)
        limits = self._limits.setdefault(key, ModelLimits(at_once=spec.at_once, per_minute=spec.per_minute))
        return LimitedModel(model, limits)

    async def prepare(self) -> None:
        """Import what opening needs, so that the first request does not wait for it."""
        for provider in self._providers:
            await provider.prepare()

    async def aclose(self) -> None:
        """Close the connections; models opened before can no longer be asked."""
        for provider in self._providers:
            await provider.aclose()


async def check_model(model: ChatModel) -> float:
    """Ask for one word; the seconds until the first came. Raises ModelUnavailable, ModelRefused."""
    begun = time.perf_counter()
    hello = [Message.of("user", "Answer with the single word: ready")]
    async with aclosing(model.stream(hello)) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                return time.perf_counter() - begun
    raise ModelUnavailable(f"{model.name} answered with nothing: check that it is a chat model.")
