"""From `up` to the first cited answer on the sample base, and what the processes hold in memory then."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import httpx2

from bench.product import Product

QUESTION = "How do I build a knowledge base from a folder?"


def first_answer(product: Product, deadline: float) -> dict[str, object]:
    """The first answer that is one, asked again as a user would while the sample base is still being read."""
    while time.monotonic() < deadline:
        try:
            message = product.ask(QUESTION, ["guide"])
            if message["answered"] and message["citations"]:
                return message
        except (RuntimeError, httpx2.HTTPError):
            pass
        time.sleep(0.2)
    raise TimeoutError("No cited answer.")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        begun = time.monotonic()
        product.start()
        try:
            message = first_answer(product, begun + 120)
            print(f"up to first cited answer: {time.monotonic() - begun:.1f} s (bar 20)")
            print(f"  {str(message['text'])[:160]!r}")
            while product.call("GET", "/knowledge-bases/guide")["active_job_id"]:
                time.sleep(0.3)
            first_answer(product, time.monotonic() + 60)
            httpx2.get(product.ui, timeout=30)
            resident = {p.pid: (" ".join(p.cmdline())[-60:], p.memory_info().rss / 2**20) for p in product.processes()}
            for name, size in resident.values():
                print(f"  {size:7.0f} MB  {name}")
            print(f"resident memory, all processes: {sum(size for _, size in resident.values()):.0f} MB (bar 1,600)")
        finally:
            product.stop()


if __name__ == "__main__":
    main()
