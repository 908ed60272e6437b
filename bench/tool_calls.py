"""What a call costs beyond the request that it makes: registry, policy, record and all, among a thousand tools.

python -m bench tool_calls [--tools 1000] [--calls 300]

The bare request and the call over REST take turns against the same server, so that both see the same hour.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from bench.counting_platform import counting_platform, described
from bench.product import Product, percentile

BARE, CALL = "bare request", "call over REST"
_WARM_UP = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, default=1_000)
    parser.add_argument("--calls", type=int, default=300)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        counting_platform() as platform,
        Product(Path(folder) / "data", command="serve") as product,
        httpx2.Client(base_url=platform.url) as bare,
    ):
        add_things(product, platform.url, arguments.tools)
        _print(_measured(product, bare, arguments.calls))


def add_things(product: Product, url: str, tools: int) -> None:
    """Connect the platform and import its document."""
    place = {"kind": "http", "name": "things", "base_url": url, "allow_private": True, "per_minute": 60_000}
    connection = product.call("POST", "/connections", json=place)
    source = {"kind": "openapi", "name": "things", "connection_id": connection["id"], "definition": described(tools)}
    made = product.call("POST", "/tool-sources", json=source)
    assert made["on"] == tools, made


def _measured(product: Product, bare: httpx2.Client, calls: int) -> dict[str, list[float]]:
    """Milliseconds of each, by what they are of; the four take turns."""
    name = product.call("GET", "/tools", params={"query": "list things of shelf 7", "limit": 1})["items"][0]["name"]
    taken: dict[str, list[float]] = {BARE: [], CALL: [], "of it the tool": [], "the API's smallest answer": []}
    for number in range(calls + _WARM_UP):
        begun = time.perf_counter()
        bare.get("/things/7", params={"number": number}).raise_for_status()
        between = time.perf_counter()
        made: Any = product.http.post(f"/tools/{name}/calls", json={"arguments": {"number": number}})
        ended = time.perf_counter()
        assert made.json()["status"] == "succeeded", made.text
        product.http.get("/version").raise_for_status()
        last = time.perf_counter()
        if number >= _WARM_UP:
            told = made.json()["duration_ms"]
            for values, value in zip(
                taken.values(), (between - begun, ended - between, told / 1000, last - ended), strict=True
            ):
                values.append(value * 1000)
    return taken


def _print(taken: dict[str, list[float]]) -> None:
    for name, values in taken.items():
        print(f"{name}: p50 {percentile(values, 0.5):.2f} ms, p95 {percentile(values, 0.95):.2f} ms")
    over = percentile(taken[CALL], 0.5) - percentile(taken[BARE], 0.5)
    print(f"overhead of {len(taken[CALL])} calls, p50: {over:.2f} ms (bar 5)")


if __name__ == "__main__":
    main()
