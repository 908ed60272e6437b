"""Numpy models on several threads: the same vectors in the same order, and BLAS alone in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from knowledge.embedding.parallel import encode_in_parallel, keep_blas_alone
from knowledge.ports import Vectors


@pytest.fixture(autouse=True)
def _as_new() -> Iterator[None]:
    keep_blas_alone.cache_clear()
    yield
    keep_blas_alone()


def encode(texts: Sequence[str]) -> Vectors:
    return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_keeps_the_order_of_the_texts() -> None:
    texts = ["x" * length for length in range(11)]
    for threads in (1, 2, 3):
        assert encode_in_parallel(encode, texts, threads)[:, 0].tolist() == list(range(11))


def test_blas_is_alone_in_every_thread_whoever_set_a_limit_before() -> None:
    def blas_threads() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["prefix"] == "libscipy_openblas"}

    with ThreadPoolExecutor(1) as another, ThreadPoolExecutor(1) as ours, ThreadPoolExecutor(1) as third:
        another.submit(threadpool_limits, 2, user_api="blas").result()
        ours.submit(encode_in_parallel, encode, ["a"], 1).result()
        assert ours.submit(blas_threads).result() <= {1}
        another.submit(threadpool_limits, 2, user_api="blas").result()
        assert third.submit(blas_threads).result() <= {1}
