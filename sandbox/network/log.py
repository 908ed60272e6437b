"""What a session asked of the network, and what came of it."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

LOGGED_REQUESTS = 500
_log = logging.getLogger(__name__)

Decision = Literal["allowed", "refused"]
Reason = Literal[
    "", "bad_request", "bad_host", "not_allowed", "private_address", "not_found", "unreachable", "not_tls",
    "other_server_name", "too_slow", "too_many_requests", "too_many_bytes",
]  # fmt: skip
"""Why a request was refused, or cut off."""


@dataclass(kw_only=True, slots=True)
class NetworkRequest:
    """One request, from its first byte to its last. `sent` and `received` are bytes as the session sees them."""

    method: str = ""
    host: str = ""
    port: int = 0
    address: str = ""
    decision: Decision = "refused"
    reason: Reason = ""
    sent: int = 0
    received: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: float = 0.0


@dataclass(kw_only=True, slots=True)
class NetworkLog:
    """The last requests of a session, and the sums of all."""

    session_id: str
    requests: deque[NetworkRequest] = field(default_factory=lambda: deque(maxlen=LOGGED_REQUESTS))
    total: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0

    def note(self, request: NetworkRequest, *, told: bool = True) -> None:
        """Add a request that is over; one that is not to be told is only counted."""
        self.refused += request.decision == "refused"
        if not told:
            return
        self.requests.append(request)
        _log.info(
            "sandbox network session=%s method=%s host=%s port=%d decision=%s reason=%s sent=%d received=%d",
            self.session_id, request.method[:20], request.host[:253], request.port, request.decision,
            request.reason or "-", request.sent, request.received,
        )  # fmt: skip
