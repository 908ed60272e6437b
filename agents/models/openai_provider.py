"""The provider of every model behind a URL that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agents.errors import ModelRefused
from agents.models.openai_compatible import OpenAICompatibleModel
from agents.models.retrying import RetryingModel
from agents.models.spec import ModelSpec
from agents.ports import ChatModel

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from openai import AsyncOpenAI


_LENGTHS = ("max_model_len", "context_length", "context_window", "max_context_length", "loaded_context_length")


class OpenAICompatibleProvider:
    """A ModelProvider. The connections to all endpoints are one pool, so that a later request finds one open.

    `timeout_s` bounds each silence of an endpoint.
    """

    name = "openai-compatible"

    def __init__(self, *, connect_timeout_s: float, timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._clients: dict[bool, AsyncClient] = {}

    def serves(self, spec: ModelSpec) -> bool:
        """Every model with a URL."""
        return bool(spec.base_url)

    def open(self, spec: ModelSpec) -> ChatModel:
        """See ModelProvider."""
        model = OpenAICompatibleModel(
            self._sdk(spec),
            spec.model,
            name=spec.name,
            profile=spec.profile,
            timeout_s=self._timeout_s,
            sampling=spec.sampling,
        )
        return RetryingModel(model)

    async def context_length(self, spec: ModelSpec) -> int | None:
        """See TellsContextLength: what vLLM, llama.cpp, LM Studio and gateways say of their models besides the
        protocol."""
        import httpx2
        import openai

        try:
            found = await self._sdk(spec).models.with_raw_response.list(timeout=5.0)
            listed = found.http_response.json().get("data")
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, AttributeError, RecursionError):
            return None
        if not isinstance(listed, list):
            return None
        mine = next((each for each in listed if isinstance(each, dict) and each.get("id") == spec.model), {})
        meta = mine.get("meta")
        told = [mine.get(name) for name in _LENGTHS]
        told += [meta.get(name) for name in ("n_ctx", "n_ctx_train")] if isinstance(meta, dict) else []
        return next((each for each in told if isinstance(each, int) and not isinstance(each, bool) and each > 0), None)

    async def prepare(self) -> None:
        """See ModelProvider."""
        await asyncio.to_thread(__import__, "openai")

    async def aclose(self) -> None:
        """See ModelProvider."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def _sdk(self, spec: ModelSpec) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            base_url=_checked(spec.base_url),
            api_key=spec.api_key or "none",
            max_retries=0,
            http_client=self._client(spec.base_url),
        )
        # The SDK fills these from OPENAI_* variables, which are not meant for whatever endpoint this is.
        client.organization = client.project = None
        return client

    def _client(self, base_url: str) -> AsyncClient:
        from httpx2 import Limits, Timeout
        from openai import DefaultAsyncHttpxClient

        from agents.models.bounded import bound

        # A proxy in the environment is for the world outside, not for a model on this machine.
        local = _is_loopback(urlsplit(base_url).hostname or "")
        if local not in self._clients:
            self._clients[local] = DefaultAsyncHttpxClient(
                timeout=Timeout(self._timeout_s, connect=self._connect_timeout_s),
                limits=Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=60),
                trust_env=not local,
                # The question and what was found for it are for the address that was given, and for no other.
                follow_redirects=False,
                headers={"accept-encoding": "identity"},
                event_hooks={"response": [bound]},
            )
        return self._clients[local]


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
