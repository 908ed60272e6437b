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


class ModelUpdate(Body):
    base_url: str | None = Field(default=None, max_length=2000)
    api_key: str | None = Field(default=None, max_length=2000)
    model: str | None = Field(default=None, min_length=1, max_length=500)
    is_default: bool | None = None


class ModelView(View):
    id: str
    name: str
    base_url: str
    model: str
    has_api_key: bool
    is_default: bool
    origin: Literal["settings", "stored"]


class ModelCheck(View):
    ok: bool
    message: str
    latency_ms: float | None


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
