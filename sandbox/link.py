"""The host's end of the agent's protocol: the same for every adapter, whatever carries the bytes."""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from sandbox import errors
from sandbox.boot import agent_source, worker_source
from sandbox.config import SandboxLimits
from sandbox.languages import LANGUAGES, find_language
from sandbox.network.access import CERTIFICATES, RELAY_PORT, WINDOW, NetworkAccess
from sandbox.network.tunnels import Tunnels
from sandbox.replies import Reply, problem_of
from sandbox.run_reader import RunReader
from sandbox.types import CodeEvent, FileEntry, Finished, RunRequest, Usage

_HEAD = struct.Struct(">II")
_CHUNK = 256 * 1024
_LARGEST_FRAME = 20 * 1024 * 1024
PING_SECONDS = 10.0
GRACE_SECONDS = 0.25
"""The agent ends a run at its deadline; after so much longer the host ends the session."""
START_SECONDS = 60.0

Ended = Callable[[], Awaitable[str]]


class AgentLink:
    """A session as its agent serves it. `end` kills it from outside and tells why it was over before that: `memory`,
    or nothing that is known."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: SandboxLimits,
        end: Ended,
        network: NetworkAccess | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._end = end
        self._numbers = iter(range(1, 2**62))
        self._ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._warm = asyncio.Event()
        self._events: asyncio.Queue[tuple[dict[str, Any], bytes] | None] | None = None
        self._run_id = 0
        self._replies: dict[int, Reply] = {}
        self._files = asyncio.Lock()
        self._network = network
        self._tunnels = None if network is None else Tunnels(network, self._write)
        self._closed = False
        self._settling: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, extra: dict[str, Any]) -> dict[str, Any]:
        """Hand the agent its own text, its limits and what the adapter adds; returns what it says of the image."""
        limits = self._limits
        config = {
            "memory": limits.memory_bytes,
            "work": limits.work_bytes,
            "kept_output": limits.kept_output_bytes,
            "max_output": limits.max_output_bytes,
            "max_file": limits.max_file_bytes,
            "max_artifacts": limits.max_artifacts,
            "languages": {name: language.program for name, language in LANGUAGES.items()},
            **self._of_network(),
            **extra,
        }
        agent = agent_source()
        try:
            self._writer.write(len(agent).to_bytes(4, "big") + agent + _frame(config, worker_source()))
        except RuntimeError:  # uvloop's way to say that nobody reads any more
            await self.close()
            raise errors.SandboxUnavailable("The sandbox ended while it started.") from None
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._ping())]
        try:
            async with asyncio.timeout(START_SECONDS):
                return await self._ready
        except TimeoutError:
            await self.close()
            raise errors.SandboxUnavailable("The sandbox did not start within a minute.") from None
        except BaseException:
            await self.close()
            raise

    def _of_network(self) -> dict[str, Any]:
        if self._network is None:
            return {}
        certificates = self._network.certificates
        return {
            "network": {
                "port": RELAY_PORT,
                "connections": self._network.limits.connections,
                "window": WINDOW,
            },
            "environment": dict(self._network.environment),
            "files": {CERTIFICATES: certificates} if certificates else {},
        }

    async def warm(self) -> None:
        """Returns once Python waits for its first code, or the session is gone."""
        await self._warm.wait()

    @property
    def closed(self) -> bool:
        return self._closed

    async def run(self, request: RunRequest) -> AsyncGenerator[CodeEvent, None]:
        """See `Confined.run`."""
        if self._settling is not None:
            await asyncio.shield(self._settling)
        if self._closed:
            raise errors.SessionLost("The session is gone; open another one.")
        if self._events is not None:
            raise errors.SessionBusy("The session still runs something; wait for it, or interrupt it.")
        queue: asyncio.Queue[tuple[dict[str, Any], bytes] | None] = asyncio.Queue()
        self._events, self._run_id = queue, next(self._numbers)
        run_id, nonce, finished = self._run_id, secrets.token_hex(16), False
        try:
            head, payload, allowed = self._asked(request, run_id, nonce)
            await self._write(head, payload)
            run = RunReader(nonce)
            async for event in self._read_run(queue, run, allowed):
                finished = isinstance(event, Finished)
                yield event
        finally:
            if self._settling is None:
                self._events = None
                if not finished and not self._closed:
                    await self._abandon(run_id, queue)

    def _asked(self, request: RunRequest, run_id: int, nonce: str) -> tuple[dict[str, Any], bytes, float]:
        language = find_language(request.language)
        if language is None:
            raise errors.UnknownLanguage(
                f"{request.language[:40]!r} is no language here; there is {', '.join(LANGUAGES)}."
            )
        code = request.code.encode("utf-8", "surrogatepass")
        stdin = request.stdin.encode("utf-8", "surrogatepass")
        timeout = request.timeout_s
        head: dict[str, Any] = {"op": "run", "id": run_id, "nonce": nonce, "timeout": timeout, "code_size": len(code)}
        head["python"] = language.run is None
        allowed = timeout
        if language.run is not None:
            phases = [{"name": "run", "argv": list(language.run(request.code)), "timeout": timeout}]
            if language.compile is not None:
                seconds = min(self._limits.compile_seconds, max(timeout, 20.0))
                phases.insert(0, {"name": "compile", "argv": list(language.compile(request.code)), "timeout": seconds})
                allowed += seconds
            head |= {"phases": phases, "file": language.file(request.code)}
        return head, code + stdin, allowed

    async def _read_run(
        self, queue: asyncio.Queue[tuple[dict[str, Any], bytes] | None], run: RunReader, allowed: float
    ) -> AsyncGenerator[CodeEvent, None]:
        if not self._warm.is_set():
            allowed += START_SECONDS
        loop = asyncio.get_running_loop()
        deadline = loop.time() + allowed + GRACE_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await queue.get()
            except TimeoutError:
                # The deadline is now; whether the agent obeys late, or has to be ended, is seen to afterwards.
                self._settling = asyncio.create_task(self._abandon(self._run_id, queue))
                yield Finished(reason="timeout", state="lost", detail="The run was ended from outside.")
                return
            if item is None:
                yield await self._lost()
                return
            for event in run.read(*item):
                yield event
                if isinstance(event, Finished):
                    return

    async def _lost(self) -> Finished:
        why = await self._end()
        self._closed = True
        if why == "memory":
            return Finished(reason="memory", state="lost", detail="The session as a whole ran out of memory.")
        return Finished(reason="killed", state="lost", detail="The session was ended.")

    async def _abandon(self, run_id: int, queue: asyncio.Queue[tuple[dict[str, Any], bytes] | None]) -> None:
        """Nobody waits for the run any more: it is ended before the session is used again."""
        self._events = queue
        try:
            await self._write({"op": "cancel", "id": run_id})
            async with asyncio.timeout(5):
                while (item := await queue.get()) is not None and item[0]["ev"] != "finished":
                    pass
        except TimeoutError:
            await self.close()
        except errors.SessionLost:
            pass
        finally:
            self._events = self._settling = None

    async def interrupt(self) -> None:
        """See `Confined.interrupt`."""
        await self._write({"op": "interrupt"})

    async def put(self, path: str, content: bytes) -> None:
        """See `Confined.put`."""
        if len(content) > self._limits.max_file_bytes:
            raise errors.LimitExceeded(f"A file may have {self._limits.max_file_bytes:,} bytes.")
        async with self._files:
            number, reply = self._expect()
            for at in range(0, max(len(content), 1), _CHUNK):
                last = at + _CHUNK >= len(content)
                head = {"op": "put", "id": number, "path": path, "first": at == 0, "last": last}
                await self._write(head, content[at : at + _CHUNK])
            await self._result(number, reply)

    async def get(self, path: str) -> bytes:
        """See `Confined.get`."""
        async with self._files:
            number, reply = self._expect()
            await self._write({"op": "get", "id": number, "path": path})
            await self._result(number, reply)
            return bytes(reply.content)

    async def manage(self, action: str, path: str = "") -> tuple[list[FileEntry], Usage]:
        """See `Confined.manage`."""
        async with self._files:
            number, reply = self._expect()
            await self._write({"op": action, "id": number, "path": path})
            head = await self._result(number, reply)
        usage = head.get("usage", {})
        entries = [FileEntry(path=each[0], size=each[1], modified_at=each[2]) for each in json.loads(reply.content)]
        used = Usage(memory_bytes=usage.get("memory"), processes=usage.get("processes"), file_bytes=usage.get("files"))
        return entries, used

    async def close(self) -> None:
        """See `Confined.close`."""
        self._closed = True
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._over()
        self._writer.close()
        await self._end()

    # --- frames

    def _expect(self) -> tuple[int, Reply]:
        number = next(self._numbers)
        reply = self._replies[number] = Reply()
        return number, reply

    async def _result(self, number: int, reply: Reply) -> dict[str, Any]:
        try:
            async with asyncio.timeout(60):
                head = await reply.done
        except TimeoutError:
            raise errors.SessionLost("The session does not answer.") from None
        finally:
            del self._replies[number]
        if "code" in head:
            raise problem_of(head["code"], head["message"])
        return head

    async def _write(self, head: dict[str, Any], payload: bytes = b"") -> None:
        if self._closed:
            raise errors.SessionLost("The session is gone; open another one.")
        try:
            self._writer.write(_frame(head, payload))
            await self._writer.drain()
        except (OSError, RuntimeError):
            raise errors.SessionLost("The session is gone; open another one.") from None

    async def _ping(self) -> None:
        while not self._closed:
            await asyncio.sleep(PING_SECONDS)
            try:
                await self._write({"op": "ping"})
            except errors.SessionLost:
                return

    async def _listen(self) -> None:
        try:
            while True:
                head_size, payload_size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                if head_size + payload_size > _LARGEST_FRAME:
                    break
                head = json.loads(await self._reader.readexactly(head_size))
                self._take(head, await self._reader.readexactly(payload_size))
        except (asyncio.IncompleteReadError, OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        self._closed = True
        self._over()
        self._writer.close()  # nobody may ever come to close a session that has ended by itself
        await self._end()

    def _take(self, head: dict[str, Any], payload: bytes) -> None:
        kind = head["ev"]
        if kind == "ready":
            if not self._ready.done():
                self._ready.set_result(head)
            if "python" not in head["languages"]:
                self._warm.set()
        elif kind == "warm":
            self._warm.set()
        elif kind in ("reply", "chunk"):
            reply = self._replies.get(head["id"])
            if reply is not None:
                reply.take(head, payload, self._limits.max_file_bytes + _CHUNK)
        elif kind == "network":
            if self._tunnels is not None:
                self._tunnels.take(head, payload)
        elif kind != "pong" and self._events is not None and head["id"] == self._run_id:
            self._events.put_nowait((head, payload))

    def _over(self) -> None:
        gone = errors.SessionLost("The session is gone; open another one.")
        if not self._ready.done():
            self._ready.set_exception(errors.SandboxUnavailable("The sandbox ended while it started."))
            self._ready.exception()
        self._warm.set()
        if self._tunnels is not None:
            self._tunnels.close()
        for reply in self._replies.values():
            if not reply.done.done():
                reply.done.set_exception(gone)
                reply.done.exception()
        if self._events is not None:
            self._events.put_nowait(None)


def _frame(head: dict[str, Any], payload: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return _HEAD.pack(len(text), len(payload)) + text + payload
