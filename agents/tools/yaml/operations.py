"""The operations that toolsets may name, and what each may do: no toolset says so itself."""

from __future__ import annotations

from collections.abc import Mapping

from agents.errors import ToolsetInvalid
from agents.events import Risk

OPERATIONS: Mapping[str, Risk] = {
    "redis_info": "read",
    "redis_slowlog": "read",
    "redis_latency": "read",
    "redis_keys": "read",
    "redis_key": "read",
    "redis_get": "read",
    "redis_clients": "read",
    "redis_config": "read",
    "redis_memory": "read",
    "redis_expire": "write",
    "redis_delete": "destructive",
}


def operation_risk(name: str) -> Risk:
    """What an operation may do. Raises ToolsetInvalid for one that there is not."""
    if name not in OPERATIONS:
        raise ToolsetInvalid(f"{name[:60]!r} is no operation; there are {', '.join(OPERATIONS)}.")
    return OPERATIONS[name]
