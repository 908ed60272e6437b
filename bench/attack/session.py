"""Sends, and counts what comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.product import Product

AT_ONCE = 4


@dataclass
class Session:
    """Sends, and counts what comes back."""

    product: Product
    secret: str
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def send(self, kind: str, method: str, url: str, **options: Any) -> httpx2.Response | None:
        begun = time.perf_counter()
        try:
            answer = self.product.http.request(method, url, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
            self._count(kind, type(error).__name__, begun)
            return None
        self._count(kind, f"{answer.status_code // 100}xx", begun)
        if answer.status_code >= 500 and not _tells_of_a_model(answer):
            self.broken.append(f"{answer.status_code} {method} {url[:120]} {answer.text[:200]}")
        if self.secret in answer.text or "root:x:0" in answer.text:
            self.leaks.append(f"{method} {url[:120]}")
        return answer

    def _count(self, kind: str, outcome: str, begun: float) -> None:
        self.rows.setdefault(kind, Counter())[outcome] += 1
        self.slowest[kind] = max(self.slowest.get(kind, 0.0), time.perf_counter() - begun)

    def side_by_side(self, work: Callable[..., object], *given: Any) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(work, *given))


def _tells_of_a_model(answer: httpx2.Response) -> bool:
    """Whether a gateway's status says, as it should, that the model behind it failed."""
    try:
        error = answer.json()["error"]
    except (ValueError, LookupError, TypeError):
        return False
    return answer.status_code in (502, 503) and str(error.get("code")).startswith("model_")
