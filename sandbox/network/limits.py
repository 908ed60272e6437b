"""Limits of a session's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkLimits:
    """What one session may take of the network."""

    connections: Annotated[int, Field(gt=0, le=256)] = 32
    """Connections at once; further ones wait."""
    requests: Positive = 2_000
    """Connections from the first to the last."""
    bytes: Positive = 512 * 1024 * 1024
    """Bytes sent and received, all together."""
    head_seconds: Seconds = 10.0
    """Until the head of a request is there, and the first message of TLS."""
    connect_seconds: Seconds = 10.0
    """Until a name is resolved, and until a host answers."""
    idle_seconds: Seconds = 60.0
    """Until a connection on which nothing moves is ended."""
    connection_seconds: Seconds = 600.0
    """Until a connection is ended whatever it does."""


DEFAULT_LIMITS = NetworkLimits()
