"""Calls while the server is killed again and again; then the record is compared with what reached the platform.

python -m bench audit [--calls 1000] [--kills 20] [--callers 6]

Every call that reached the platform has its row, none has two, and what a caller was told is what the row says.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import tempfile
import threading
import time
from pathlib import Path

import httpx2

from bench.counting_platform import CountingPlatform, counting_platform
from bench.product import Product
from bench.tool_calls import add_things

TOOL = "things_list_things7"


class Callers:
    """So many threads that make calls, each with a number of its own, and never the same call again."""

    def __init__(self, product: Product, calls: int, callers: int) -> None:
        self.told: dict[int, str] = {}
        """What each call came to, as far as its caller was told."""
        self._product = product
        self._numbers = iter(range(1, calls + 1))
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._call, daemon=True) for _ in range(callers)]
        for thread in self.threads:
            thread.start()

    @property
    def are_busy(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def _call(self) -> None:
        with httpx2.Client(base_url=self._product.api, timeout=30) as http:
            while (number := self._next()) is not None:
                while not _is_up(http):
                    time.sleep(0.1)
                try:
                    answer = http.post(f"/tools/{TOOL}/calls", json={"arguments": {"number": number}})
                    self.told[number] = str(answer.json().get("status"))
                except httpx2.HTTPError:
                    self.told[number] = "nothing"

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--callers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        counting_platform() as platform,
        Product(Path(folder) / "data", command="serve") as product,
    ):
        add_things(product, platform.url, 10)
        callers = Callers(product, arguments.calls, arguments.callers)
        kills = _kill(product, platform, callers, arguments)
        for thread in callers.threads:
            thread.join()
        product.wait_ready()
        _print(kills, callers.told, platform.reached, _rows(product))


def _kill(product: Product, platform: CountingPlatform, callers: Callers, arguments: argparse.Namespace) -> int:
    """Kill the server at moments spread over the calls; how often it was killed."""
    chosen, share = random.Random(arguments.seed), arguments.calls / (arguments.kills + 1)
    for kill in range(arguments.kills):
        while len(platform.reached) < share * (kill + 0.8) and callers.are_busy:
            time.sleep(0.01)
        time.sleep(chosen.uniform(0.0, 0.05))
        assert product.process is not None
        product.process.kill()
        product.process.wait()
        product.start()
        product.wait_ready()
    return int(arguments.kills)


def _is_up(http: httpx2.Client) -> bool:
    try:
        return http.get("/readyz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _rows(product: Product) -> dict[int, list[str]]:
    """The status of every row, by the number of its call."""
    rows: dict[int, list[str]] = collections.defaultdict(list)
    with product.http.stream("GET", "/audit/export") as answer:
        for line in answer.iter_lines():
            row = json.loads(line)
            rows[row["arguments"]["number"]].append(row["status"])
    return rows


def _print(kills: int, told: dict[int, str], reached: list[str], rows: dict[int, list[str]]) -> None:
    came = collections.Counter(int(path.partition("number=")[2]) for path in reached)
    wrong = [number for number, status in told.items() if status == "succeeded" and rows[number] != ["succeeded"]]
    print(f"{len(told)} calls, {kills} kills: {len(came)} reached the platform, {len(rows)} have a row")
    print(f"what callers were told: {dict(collections.Counter(told.values()))}")
    print(f"what rows say: {dict(collections.Counter(each for row in rows.values() for each in row))}")
    print(f"reached and without a row: {sum(not rows[number] for number in came)} (bar 0)")
    print(f"rows twice: {sum(len(row) > 1 for row in rows.values())} (bar 0)")
    print(f"reached twice: {sum(count > 1 for count in came.values())} (bar 0)")
    print(f"told as succeeded where the row says otherwise: {len(wrong)} (bar 0)")


if __name__ == "__main__":
    main()
