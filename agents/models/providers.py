"""Where models come from: each provider is a file that makes ChatModels, and one line in `default_providers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.ports import ChatModel, ModelProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """Where a model is: an OpenAI-compatible endpoint, or `provider:model` for LangChain when `base_url` is empty.

    `name` is what users see; it defaults to `model`. The key is left out of the representation.
    """

    model: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    name: str = ""
    profile: ModelProfile = field(default_factory=ModelProfile)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """What the endpoint is asked to sample by, in the names of the OpenAI protocol: temperature, top_p, seed, …"""


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


def default_providers(*, connect_timeout_s: float, timeout_s: float) -> tuple[ModelProvider, ...]:
    """The providers there are; the first that serves a spec opens it."""
    from agents.models.langchain_models import LangChainProvider
    from agents.models.openai_provider import OpenAICompatibleProvider

    return (
        OpenAICompatibleProvider(connect_timeout_s=connect_timeout_s, timeout_s=timeout_s),
        LangChainProvider(),
    )
