"""A database that fails when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from knowledge.storage.database import Database


class Fatal(BaseException):
    """What no handler of errors catches."""


class FailingDatabase(Database):
    """Raises `errors`, one for each transaction, in threads whose names begin with `in_threads`, and nowhere else."""

    def __init__(self, url: str, *errors: BaseException, in_threads: str = "run-events") -> None:
        super().__init__(url)
        self.errors = list(errors)
        self._in_threads = in_threads

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._fail()
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._fail()
        with super().write() as connection:
            yield connection

    def _fail(self) -> None:
        if self.errors and threading.current_thread().name.startswith(self._in_threads):
            raise self.errors.pop(0)
