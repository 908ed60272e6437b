"""From where a model is to a ChatModel that can be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agents.errors import ModelRefused, ModelUnavailable
from agents.models.langchain_models import LangChainModel
from agents.models.openai_compatible import OpenAICompatibleModel
from agents.models.retrying import RetryingModel
from agents.models.thinking import AnswerOnlyModel
from agents.ports import ChatModel, Message, TextPiece

if TYPE_CHECKING:
    from httpx2 import AsyncClient


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """Where a model is: an OpenAI-compatible endpoint, or `provider:model` for LangChain when `base_url` is empty.

    `name` is what users see; it defaults to `model`. The key is left out of the representation.
    """

    model: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    name: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """What the endpoint is asked to sample by, in the names of the OpenAI protocol: temperature, top_p, seed, …"""


class ModelCatalogue:
    """Opens models. The connections to all endpoints are one pool, so that a later request finds one open.

    `timeout_s` bounds each silence of an endpoint. Belongs to the event loop that first uses it; `aclose` it there.
    """

    def __init__(self, *, connect_timeout_s: float = 10.0, timeout_s: float = 120.0) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._clients: dict[bool, AsyncClient] = {}

    def open(self, spec: ModelSpec) -> ChatModel:
        """A model to ask; nothing is sent yet. Raises ModelRefused for an address that cannot be one."""
        if not spec.base_url:
            if ":" not in spec.model:
                raise ModelRefused(
                    f"{spec.model!r} has no address: give the URL of its endpoint, or name it as provider:model."
                )
            return AnswerOnlyModel(
                LangChainModel(spec.model, name=spec.name, api_key=spec.api_key, options=spec.sampling)
            )
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            base_url=_checked(spec.base_url),
            api_key=spec.api_key or "none",
            max_retries=0,
            http_client=self._client(spec.base_url),
        )
        # The SDK fills these from OPENAI_* variables, which are not meant for whatever endpoint this is.
        client.organization = client.project = None
        model = OpenAICompatibleModel(
            client, spec.model, name=spec.name, timeout_s=self._timeout_s, sampling=spec.sampling
        )
        return AnswerOnlyModel(RetryingModel(model))

    async def prepare(self) -> None:
        """Import what opening needs, in a thread, so that the first request does not wait for it."""
        await asyncio.to_thread(__import__, "openai")

    async def aclose(self) -> None:
        """Close the connections; models opened before can no longer be asked."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def _client(self, base_url: str) -> AsyncClient:
        from httpx2 import Limits, Timeout
        from openai import DefaultAsyncHttpxClient

        # A proxy in the environment is for the world outside, not for a model on this machine.
        local = _is_loopback(urlsplit(base_url).hostname or "")
        if local not in self._clients:
            self._clients[local] = DefaultAsyncHttpxClient(
                timeout=Timeout(self._timeout_s, connect=self._connect_timeout_s),
                limits=Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=60),
                trust_env=not local,
                # The question and what was found for it are for the address that was given, and for no other.
                follow_redirects=False,
            )
        return self._clients[local]


async def check_model(model: ChatModel) -> float:
    """Ask for one word; the seconds until the first came. Raises ModelUnavailable, ModelRefused."""
    begun = time.perf_counter()
    hello = [Message(role="user", content="Answer with the single word: ready")]
    async with aclosing(model.stream(hello)) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                return time.perf_counter() - begun
    raise ModelUnavailable(f"{model.name} answered with nothing: check that it is a chat model.")


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelRefused("The address of a model is a URL such as http://localhost:11434/v1.")
    return base_url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
