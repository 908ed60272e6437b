"""Trying a configured model out, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio

from agents.errors import AgentError
from agents.models.catalogue import ModelCatalogue
from agents.models.checking import Speed, ToolCalling, find_tool_calling, measure_speed
from agents.ports import ModelProfile
from backend.models.resolver import ModelResolver
from backend.models.store import StoredModel

CHECK_SECONDS = 30.0
"""How long a model has to answer, and once more to call a tool."""

_TOOLS = {
    "native": "calls tools",
    "text": "calls tools by what it writes",
    "none": "calls no tools",
    None: "did not say in time whether it calls tools",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What was found; None is what was not found out."""

    name: str
    speed: Speed
    tool_calls: ToolCalling | None
    context_length: int | None

    @property
    def sentence(self) -> str:
        """All of it for people."""
        parts = [
            f"{self.name} answers",
            "streams" if self.speed.streams else "does not stream",
            _TOOLS[self.tool_calls],
        ]
        if self.speed.tokens_per_second is not None:
            parts.append(f"{self.speed.tokens_per_second:g} tokens a second")
        if self.context_length is not None:
            parts.append(f"context of {self.context_length:,} tokens")
        return ", ".join(parts) + "."


async def try_out(models: ModelResolver, catalogue: ModelCatalogue, stored: StoredModel) -> Tried:
    """Ask the model. Raises AgentError, KeyNeeded, SecretUnreadable, and TimeoutError when nothing comes in time."""
    # As it is by itself: what we do for models that only write is not to be mistaken for what it can do.
    spec = replace(models.spec(stored), profile=ModelProfile())
    model = catalogue.open(spec)
    with anyio.fail_after(CHECK_SECONDS):
        speed = await measure_speed(model)
    tool_calls: ToolCalling | None = None
    context_length: int | None = None
    with anyio.move_on_after(CHECK_SECONDS):
        try:
            tool_calls = await find_tool_calling(model)
        except AgentError:
            tool_calls = None
        context_length = await catalogue.context_length(spec)
    return Tried(name=stored.name, speed=speed, tool_calls=tool_calls, context_length=context_length)
