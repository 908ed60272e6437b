"""Files in and out of the session's folder, piece by piece."""

from __future__ import annotations

import json
import os
from typing import Any

from sandbox.inside.files import Problem, code_of, listing, open_beneath, remove_beneath, write_beneath
from sandbox.inside.host_link import HostLink
from sandbox.inside.memory import memory_of_session
from sandbox.inside.places import CHUNK, WORK
from sandbox.inside.processes import processes


class Transfers:
    """Answers what the host asks about files; whatever is refused is told with a code."""

    def __init__(self, link: HostLink, max_file: int) -> None:
        self._link = link
        self._max_file = max_file
        self._uploads: dict[int, list[bytes]] = {}
        self._downloads: list[tuple[int, int, int]] = []

    @property
    def wait_for_room(self) -> bool:
        """Whether a download could go on at once."""
        return bool(self._downloads) and self._link.has_room

    def manage(self, asked: dict[str, Any], content: bytes) -> None:
        """Do what is asked: `put`, `get`, `list`, `delete`."""
        try:
            self._manage(asked, content)
        except Problem as problem:
            self._refuse(asked["id"], problem.code, str(problem))
        except OSError as error:
            self._refuse(asked["id"], code_of(error), os.strerror(error.errno or 0))

    def _refuse(self, number: int, code: str, message: str) -> None:
        self._uploads.pop(number, None)
        self._link.send({"ev": "reply", "id": number, "code": code, "message": message})

    def _manage(self, asked: dict[str, Any], content: bytes) -> None:
        if asked["op"] == "put":
            self._receive(asked, content)
            return
        if asked["op"] == "get":
            self._hand_out(asked["id"], asked["path"])
            return
        if asked["op"] == "delete" and not remove_beneath(WORK, asked["path"]):
            raise Problem("not_found", "There is no such file.")
        entries, _ = listing()
        room = os.statvfs(WORK)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        usage = {"memory": memory_of_session(), "processes": len(processes()), "files": used}
        self._link.send({"ev": "reply", "id": asked["id"], "usage": usage}, json.dumps(entries).encode())

    def _hand_out(self, number: int, path: str) -> None:
        fd = open_beneath(WORK, path)
        size = os.fstat(fd).st_size
        if size > self._max_file:
            os.close(fd)
            raise Problem("limit_exceeded", f"The file has {size:,} bytes; at most {self._max_file:,} are handed out.")
        self._downloads.append((number, fd, self._max_file))

    def _receive(self, asked: dict[str, Any], content: bytes) -> None:
        number = asked["id"]
        if asked["first"]:
            self._uploads[number] = []
        if number not in self._uploads:
            return
        parts = self._uploads[number]
        parts.append(content)
        if sum(map(len, parts)) > self._max_file:
            raise Problem("limit_exceeded", f"A file may have {self._max_file:,} bytes.")
        if asked["last"]:
            write_beneath(WORK, asked["path"], b"".join(self._uploads.pop(number)))
            self._link.send({"ev": "reply", "id": number})

    def pump(self) -> None:
        """Send on what is asked for, as far as the host takes it."""
        while self.wait_for_room:
            number, fd, left = self._downloads[0]
            try:
                data = os.read(fd, min(CHUNK * 4, left))
            except OSError:
                data = b""
            if data:
                self._downloads[0] = (number, fd, left - len(data))
                self._link.send({"ev": "chunk", "id": number}, data)
            else:
                os.close(fd)
                self._downloads.pop(0)
                self._link.send({"ev": "reply", "id": number})
