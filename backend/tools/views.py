"""A tool as it is shown, over REST and on the command line."""

from __future__ import annotations

from typing import Any

from agents.tools.policy import Override, effective_policy
from agents.tools.ports import ToolSpec

OFF = "It is switched off."


def tool_fields(spec: ToolSpec, override: Override | None) -> dict[str, Any]:
    """What is told of a tool: `policy` holds for a call that nothing untrusted had part in, `setting` is what an
    operator decided, `reason` says why it is not available."""
    is_off = override is not None and override.setting == "off"
    return {
        "name": spec.name,
        "title": spec.title or spec.name,
        "titles": {"en": spec.title or spec.name, "zh": spec.title_zh or spec.title or spec.name},
        "description": spec.description,
        "source": spec.source,
        "risk": spec.risk,
        "policy": effective_policy(spec, override),
        "setting": None if override is None else override.setting,
        "parameters": dict(spec.parameters),
        "available": not spec.reason and not is_off,
        "reason": spec.reason or (OFF if is_off else ""),
    }
