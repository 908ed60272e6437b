"""Models, what there is to choose from, and the server itself, as REST shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backend.schemas.base import Body, View


class ModelCreate(Body):
    """A language model behind an OpenAI-compatible endpoint (`base_url` ends in /v1), or any `provider:model` name that
    LangChain's init_chat_model reaches when `base_url` is empty. The key is stored, never shown again, and sent to the
    server of this address alone."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    base_url: str = Field(default="", max_length=2000)
    api_key: str = Field(default="", max_length=2000)
    model: Annotated[str, Field(min_length=1, max_length=500)]
    is_default: bool = False
    tool_calls: Literal["native", "text"] | None = Field(
        default=None, description="How it calls tools: by the protocol, or by what it writes; null: as a test finds."
    )


class ModelUpdate(Body):
    base_url: str | None = Field(default=None, max_length=2000)
    api_key: str | None = Field(default=None, max_length=2000)
    model: str | None = Field(default=None, min_length=1, max_length=500)
    is_default: bool | None = None
    tool_calls: Literal["native", "text"] | None = None


class ModelView(View):
    id: str
    name: str
    base_url: str
    model: str
    has_api_key: bool
    is_default: bool
    tool_calls: Literal["native", "text"] | None = None
    origin: Literal["settings", "stored"]


class ModelCheck(View):
    """What a test of a model found; null is what was not found out. `latency_ms` is the time until the first piece of
    its answer; `streams`: it came in several; `tool_calls`: how it calls tools, if at all."""

    ok: bool
    message: str
    latency_ms: float | None
    streams: bool | None = None
    tokens_per_second: float | None = None
    tool_calls: Literal["native", "text", "none"] | None = None
    context_length: int | None = None


class EmbedderView(View):
    """An embedder that a knowledge base can have. `languages` are those worth embedding with it."""

    name: str
    kind: str
    languages: list[str]
    is_default: bool


class HealthView(View):
    """`checks` says of each thing needed whether it is there ("ok") or what is wrong."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(default_factory=dict)


class VersionView(View):
    name: str
    version: str
    api: str


class SessionCreate(Body):
    """Trades the token for a cookie, so that a browser can open downloads."""

    token: str = Field(min_length=1, max_length=1000)
