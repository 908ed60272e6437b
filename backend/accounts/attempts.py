"""Guessing a token is slow for whoever guesses, and for nobody else."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from backend.errors import TooManyAttempts

BURST = 10
"""So many wrong tokens in a row cost nothing but the answer that they are wrong."""

SECONDS_EACH = 3.0
"""After that one more is looked at every so many seconds."""

MOST_CLIENTS = 10_000


@dataclass(slots=True)
class _Client:
    left: float = BURST
    since: float = 0.0
    proven: bool = False
    """It gave the right token before: its programs go on working while somebody else behind its address guesses."""


class Attempts:
    """Judges tokens for their clients, who are told apart by address (networks of /64 in IPv6). Safe in threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, address: str, is_right: bool) -> bool:
        """Whether the token was right. Raises TooManyAttempts instead of saying so to a client that guesses."""
        with self._lock:
            client = self._client(_network(address))
            if client.left < 1 and not (client.proven and is_right):
                raise TooManyAttempts("Too many wrong tokens came from here; wait a few seconds.")
            if is_right:
                client.proven = True
            else:
                client.left -= 1
            return is_right

    def _client(self, name: str) -> _Client:
        now = self._clock()
        client = self._clients.pop(name, None) or _Client(since=now)
        client.left = min(BURST, client.left + (now - client.since) / SECONDS_EACH)
        client.since = now
        self._clients[name] = client
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return client


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
