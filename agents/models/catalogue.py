"""From where a model is to a ChatModel that can be asked."""

from __future__ import annotations

from collections.abc import Sequence

from agents.errors import ModelRefused
from agents.models.limits import LimitedModel, ModelLimits
from agents.models.providers import ModelProvider, TellsContextLength, default_providers
from agents.models.spec import ModelSpec
from agents.models.text_tools import TextToolModel
from agents.models.thinking import AnswerOnlyModel
from agents.ports import ChatModel


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
                model = AnswerOnlyModel(provider.open(spec))
                made = TextToolModel(model) if spec.profile.tool_calls == "text" else model
                return self._limited(spec, made)
        raise ModelRefused(
            f"{spec.model!r} has no address: give the URL of its endpoint, or name it as provider:model."
        )

    def _limited(self, spec: ModelSpec, model: ChatModel) -> ChatModel:
        if not (spec.at_once or spec.per_minute):
            return model
        key = (spec.base_url, spec.model, spec.at_once, spec.per_minute)
        limits = self._limits.setdefault(key, ModelLimits(at_once=spec.at_once, per_minute=spec.per_minute))
        return LimitedModel(model, limits)

    async def context_length(self, spec: ModelSpec) -> int | None:
        """How many tokens the model takes, where its endpoint tells; None where it does not, and on any failure."""
        for provider in self._providers:
            if provider.serves(spec):
                return await provider.context_length(spec) if isinstance(provider, TellsContextLength) else None
        return None

    async def prepare(self) -> None:
        """Import what opening needs, so that the first request does not wait for it."""
        for provider in self._providers:
            await provider.prepare()

    async def aclose(self) -> None:
        """Close the connections; models opened before can no longer be asked."""
        for provider in self._providers:
            await provider.aclose()
