"""Numpy models on several cores: one thread of ours for each, in each of which BLAS stays alone.

BLAS's own threads wait for each other by spinning at every small product: two of them were measured eight times slower
than one where the machine had anything else to do, while two threads of ours are nearly twice as fast.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from knowledge.ports import Vectors

_WORTH_SPLITTING = 4
_lock = threading.Lock()
_users = 0
_limits: threadpool_limits | None = None


def encode_in_parallel(encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str], threads: int) -> Vectors:
    """What `encode` makes of the texts, in their order, made by so many threads at once."""
    with _lone_blas():
        if threads < 2 or len(texts) < _WORTH_SPLITTING:
            return encode(texts)
        parts = [texts[first::threads] for first in range(threads)]
        with ThreadPoolExecutor(threads, thread_name_prefix="embed") as executor:
            found = list(executor.map(encode, parts))
    result = np.empty((len(texts), found[0].shape[1]), dtype=np.float32)
    for first, vectors in enumerate(found):
        result[first::threads] = vectors
    return result


@contextmanager
def _lone_blas() -> Iterator[None]:
    """BLAS keeps to the thread it is called in, in this process, until the last of those who asked for it is done."""
    global _users, _limits
    with _lock:
        _users += 1
        if _limits is None:
            _limits = threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and _limits is not None:
                _limits.restore_original_limits()
                _limits = None
