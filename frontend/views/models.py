"""Language models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    id: str
    name: str
    model: str
    base_url: str = ""
    has_api_key: bool = False
    is_default: bool = False
    origin: str = "stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCheck:
    ok: bool
    message: str
    latency_ms: float | None = None
