"""Where the sandbox floor reads what code inside sends: requests to its proxy, names of hosts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import h11

from sandbox.network.heads import BadRequest, read_head
from sandbox.network.hosts import HostRule, host_name
from tests.growth.harness import TextPath

UNITS = {"letters": "a", "labels": "a.", "dots": ".", "brackets": "["}


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: unit * max(1, size // len(unit))


def _named(text: str) -> None:
    for read in (host_name, HostRule.parse):
        with contextlib.suppress(ValueError):
            read(text)


def _head(text: str) -> None:
    for target in (f"http://{text}/", f"http://a/{text}", text):
        with contextlib.suppress(BadRequest, h11.LocalProtocolError):
            read_head(h11.Request(method="GET", target=target, headers=[("Host", "a"), ("X", text)]))


PATHS = [
    TextPath(f"sandbox, {what}/{name}", repeated(unit), run, 200_000)
    for what, run in (("host", _named), ("request", _head))
    for name, unit in UNITS.items()
]
