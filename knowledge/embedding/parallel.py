"""Models on several cores: one thread of ours for each, in each of which the engine (BLAS, ONNX Runtime) stays alone.

BLAS's own threads wait for each other by spinning at every small product: two of them were measured to take ten times
the processor time of one, and eight times as long where the machine had anything else to do, while two threads of ours
are nearly twice as fast. So BLAS is told once, for the whole process and for good: threadpoolctl heeds only the first
thread that sets a limit, and a limit that is set and taken back around every call silently fails in all others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import OpenBLASController, threadpool_limits  # type: ignore[import-untyped]

from knowledge.ports import Vectors

_WORTH_SPLITTING = 4


def encode_in_parallel(encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str], threads: int) -> Vectors:
    """What `encode` makes of the texts, in their order, made by so many threads at once."""
    keep_blas_alone()
    if threads < 2 or len(texts) < _WORTH_SPLITTING:
        return encode(texts)
    parts = [texts[first::threads] for first in range(threads)]
    with ThreadPoolExecutor(threads, thread_name_prefix="embed") as executor:
        found = list(executor.map(encode, parts))
    result = np.empty((len(texts), found[0].shape[1]), dtype=np.float32)
    for first, vectors in enumerate(found):
        result[first::threads] = vectors
    return result


def usable_processors() -> int:
    """How many processors this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@cache
def keep_blas_alone() -> None:
    """From now on BLAS keeps to the thread it is called in, whichever thread of this process that is."""
    # Another thread may have set a limit before; only one may, and the others' are ignored.
    OpenBLASController.clear_controlling_thread(force=True)
    threadpool_limits(1, user_api="blas")
