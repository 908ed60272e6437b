"""How often and how many at once a platform is asked: a bucket of tokens and a number of places."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from agents.tools.http.endpoint import EndpointLimits
from agents.tools.http.failures import RequestFailed


class Turnstile:
    """Lets callers of one endpoint through, no faster and no more at once than its limits say."""

    def __init__(self, limits: EndpointLimits) -> None:
        self._places = anyio.CapacityLimiter(max(1, limits.concurrency))
        self._rate = max(1, limits.per_minute) / 60
        self._burst = float(max(1, min(limits.per_minute, limits.concurrency * 2)))
        self._tokens = self._burst
        self._at = time.monotonic()

    @asynccontextmanager
    async def turn(self, longest_wait: float) -> AsyncIterator[None]:
        """A turn, waited for no longer than so many seconds. Raises RequestFailed."""
        wait = self._take()
        if wait > longest_wait:
            self._tokens += 1
            raise RequestFailed("This connection is asked too often: try again later, or raise its limit.", "busy")
        await anyio.sleep(wait)
        # One request may ask for a token in another's turn: places belong to requests, not to tasks.
        async with self._place():
            yield

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        borrower = object()
        await self._places.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._places.release_on_behalf_of(borrower)

    def _take(self) -> float:
        """Take a token, on credit when there is none; returns the seconds until it is there."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
