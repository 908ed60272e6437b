"""Where a model is, and how it is to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.ports import ModelProfile


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
    at_once: int = 0
    per_minute: int = 0
    """How often it may be asked by this process, at once and in a minute; 0 is no limit."""
