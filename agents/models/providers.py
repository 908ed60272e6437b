"""Where models come from: each provider is a file that makes ChatModels, and one line in `default_providers`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from agents.models.spec import ModelSpec
from agents.ports import ChatModel


class ModelProvider(Protocol):
    """Makes models of one kind. Belongs to the event loop that first uses one of them."""

    @property
    def name(self) -> str: ...

    def serves(self, spec: ModelSpec) -> bool:
        """Whether a model that is there is one of this provider's."""
        ...

    def open(self, spec: ModelSpec) -> ChatModel:
        """A model to ask; nothing is sent yet. Raises ModelRefused for an address that cannot be one."""
        ...

    async def prepare(self) -> None:
        """Import what opening needs, so that the first request does not wait for it."""
        ...

    async def aclose(self) -> None:
        """Close the connections; models opened before can no longer be asked."""
        ...


@runtime_checkable
class TellsContextLength(Protocol):
    """A provider that can find out how many tokens its models take."""

    async def context_length(self, spec: ModelSpec) -> int | None:
        """As the endpoint says; None where it does not, and on any failure."""
        ...


def default_providers(*, connect_timeout_s: float, timeout_s: float) -> tuple[ModelProvider, ...]:
    """The providers there are; the first that serves a spec opens it."""
    from agents.models.langchain_models import LangChainProvider
    from agents.models.openai_provider import OpenAICompatibleProvider

    return (
        OpenAICompatibleProvider(connect_timeout_s=connect_timeout_s, timeout_s=timeout_s),
        LangChainProvider(),
    )
