"""One session with what is known of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sandbox.network.access import NetworkAccess
from sandbox.ports import Confined
from sandbox.types import CodeEvent, ExitReason, Finished, Output

EndReason = Literal["", "closed", "idle", "lifetime", "lost", "shutdown"]
LOGGED_RUNS = 20
LOGGED_CODE = 2_000
LOGGED_OUTPUT = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Whose a session is."""

    workspace_id: str
    user_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRun:
    """What is remembered of a run: the beginning of its code and the end of its output."""

    language: str
    code: str
    started_at: datetime
    reason: ExitReason
    exit_code: int | None
    duration_ms: float
    output: str


@dataclass(kw_only=True, slots=True)
class Session:
    """A session that is open. Its times are of this process's clock, which nobody can set."""

    id: str
    owner: Owner
    adapter: str
    language: str
    confined: Confined
    lifetime_s: float
    idle_s: float
    network: NetworkAccess | None = None
    clock: Callable[[], float] = time.monotonic
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_used_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    run_count: int = 0
    busy: bool = False
    ended: EndReason = ""
    log: deque[LoggedRun] = field(default_factory=lambda: deque(maxlen=LOGGED_RUNS))
    _began: float = 0.0
    _used: float = 0.0

    def __post_init__(self) -> None:
        self._began = self._used = self.clock()

    def touch(self) -> None:
        """Somebody uses it now."""
        self._used, self.last_used_at = self.clock(), datetime.now(UTC)

    @property
    def expires_in_s(self) -> float:
        """Seconds that it lives on if nobody uses it."""
        now = self.clock()
        left = self._began + self.lifetime_s - now
        return max(0.0, left if self.busy else min(left, self._used + self.idle_s - now))

    @property
    def due(self) -> EndReason:
        """Why it is to be ended now, or nothing."""
        now = self.clock()
        if now >= self._began + self.lifetime_s:
            return "lifetime"
        return "idle" if not self.busy and now >= self._used + self.idle_s else ""


class RunLog:
    """Collects what is remembered of a run while its events pass."""

    def __init__(self, session: Session, language: str, code: str) -> None:
        self._session = session
        self._language = language
        self._code = code[:LOGGED_CODE]
        self._started_at = datetime.now(UTC)
        self._output = ""

    def note(self, event: CodeEvent) -> None:
        if isinstance(event, Output):
            self._output = (self._output + event.text)[-LOGGED_OUTPUT:]
        elif isinstance(event, Finished):
            self._session.log.append(
                LoggedRun(
                    language=self._language,
                    code=self._code,
                    started_at=self._started_at,
                    reason=event.reason,
                    exit_code=event.exit_code,
                    duration_ms=event.duration_ms,
                    output=self._output,
                )
            )
