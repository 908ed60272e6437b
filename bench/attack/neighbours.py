"""A base of harmless pages beside hostile files: how long it takes, of how much of the machine.

Others may use the machine, too. So each pair is built within a few seconds, first beside the hostile base, then with
that base's work held (its jobs are cancelled and tried again afterwards), and the median of the pairs counts.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import psutil

from bench.product import Product

PAIRS = 3


@dataclass(frozen=True)
class Share:
    """One pair: seconds beside and alone, and the processor seconds that all processes of the product had meanwhile."""

    beside_s: float
    alone_s: float
    beside_cpu_s: float
    alone_cpu_s: float

    @property
    def ratio(self) -> float:
        return self.beside_s / self.alone_s

    def __str__(self) -> str:
        return (
            f"{self.beside_s:.1f} s beside hostile files ({self.beside_cpu_s:.1f} s of the processor for both), "
            f"{self.alone_s:.1f} s alone ({self.alone_cpu_s:.1f} s), {self.ratio:.2f} times"
        )


def build_beside(product: Product, hostile_base: str, pages: int) -> list[Share]:
    """Pairs of a harmless base built beside the hostile one, which has work to do, and alone."""
    build(product, "warm", 5)
    shares = []
    for pair in range(PAIRS):
        beside_s, beside_cpu_s = build(product, f"beside{pair}", pages)
        held = _hold(product, hostile_base)
        alone_s, alone_cpu_s = build(product, f"alone{pair}", pages)
        for job in held:
            with contextlib.suppress(RuntimeError):
                product.call("POST", f"/jobs/{job}/retry")
        shares.append(Share(beside_s, alone_s, beside_cpu_s, alone_cpu_s))
        if not held:  # the hostile files are done
            break
        time.sleep(2)
    return shares


def build(product: Product, name: str, pages: int) -> tuple[float, float]:
    """Seconds that a base of harmless pages takes, and the processor seconds of the product meanwhile."""
    base = product.call("POST", "/knowledge-bases", json={"name": name, "embedders": ["use-multilingual"]})["id"]
    page = "# Page {0}\n\n" + "## Part\n\nThe setting number {0} of this part is explained in some words.\n\n" * 12
    files = [("files", (f"{at}.md", page.format(f"{name}{at}").encode())) for at in range(pages)]
    spent, begun = _cpu_s(product), time.perf_counter()
    product.wait_job(product.call("POST", f"/knowledge-bases/{base}/documents", files=files)["job"]["id"])
    return time.perf_counter() - begun, _cpu_s(product) - spent


def _hold(product: Product, base: str) -> list[str]:
    """Cancel the jobs of a base and wait for their end; which they were."""
    held = []
    for job in product.call("GET", "/jobs")["items"]:
        if job.get("knowledge_base_id") == base and job["status"] in ("queued", "running"):
            with contextlib.suppress(RuntimeError):
                product.call("POST", f"/jobs/{job['id']}/cancel")
                held.append(job["id"])
    for job_id in held:
        product.wait_job(job_id, 180)
    return held


def _cpu_s(product: Product) -> float:
    total = 0.0
    for process in product.processes():
        with contextlib.suppress(psutil.Error):
            spent = process.cpu_times()
            total += spent.user + spent.system + spent.children_user + spent.children_system
    return total
