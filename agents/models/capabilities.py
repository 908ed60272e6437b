"""Refusing by name what a model's profile says it cannot do, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from agents.errors import ModelRefused
from agents.messages.parts import ImagePart, Message
from agents.ports import ModelOptions, ModelProfile, ToolDefinition


def check_capabilities(
    name: str,
    profile: ModelProfile,
    messages: Sequence[Message],
    tools: Sequence[ToolDefinition],
    options: ModelOptions | None,
) -> None:
    """Raises ModelRefused."""
    if tools and profile.tool_calls != "native":
        raise ModelRefused(f"{name} does not call tools by the protocol: choose a model that does.")
    if profile.vision is False and any(isinstance(part, ImagePart) for each in messages for part in each.parts):
        raise ModelRefused(f"{name} does not read pictures: leave them out, or choose a model that does.")
    if options is not None and options.json_mode and profile.json_mode is False:
        raise ModelRefused(f"{name} does not promise to answer in JSON: choose a model that does.")
