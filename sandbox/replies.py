"""The answer of the agent to a question about files, as it comes."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox import errors

_PROBLEMS = {
    each.code: each for each in (errors.UnsafePath, errors.FileMissing, errors.QuotaExceeded, errors.LimitExceeded)
}
_SENTENCES = {
    "not_found": "There is no such file in the session.",
    "quota_exceeded": "The session's folder is full; delete something first.",
}


def problem_of(code: str, message: str) -> errors.SandboxError:
    """What the agent refused with this code, as an error of ours."""
    return _PROBLEMS.get(code, errors.UnsafePath)(_SENTENCES.get(code, message))


class Reply:
    """The answer to a question about files, as it comes."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def take(self, head: dict[str, Any], payload: bytes, most: int) -> None:
        """The next piece, of at most so many bytes altogether."""
        self.content += payload
        if len(self.content) > most:
            head = {"code": "limit_exceeded", "message": "The file grew while it was read."}
        elif head["ev"] == "chunk":
            return
        if not self.done.done():
            self.done.set_result(head)
