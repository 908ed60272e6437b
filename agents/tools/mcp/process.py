"""An MCP server that is a program on this host: spoken to over its standard input and output, in a process group of its
own, and bounded in what it may say and for how long.

It is read only while an answer is awaited. What it writes besides fills its pipe, and then it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.errors import ToolFailed
from agents.tools.bounded_json import read_bounded_json
from agents.tools.http.masking import Masker
from agents.tools.mcp.client import PROTOCOL
from agents.tools.mcp.ports import listed_tools

LONGEST_MESSAGE = 4_000_000
MOST_BYTES = 16_000_000
MOST_LINES = 20_000
"""What a server may write before it answers: bytes of one line, bytes of all lines, lines."""
_MOST_ASKED_BACK = 100
_LINES_AT_ONCE = 200
_LAST_WORDS = 2_000
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What the server's own environment hands on: nothing that could hold a secret of the product."""
_ENDS_WITH_US = "setpriv"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCommand:
    """How a server is started. `secrets` are environment variables whose values are shown nowhere."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0


class McpProcess:
    """A running server that has been greeted. One request at a time; whatever goes wrong in it ends the server."""

    def __init__(self, process: asyncio.subprocess.Process, command: ServerCommand) -> None:
        self._process = process
        self._command = command
        self._masker = Masker(command.secrets.values())
        self._turn = asyncio.Lock()
        self._number = 0
        self._words = bytearray()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, command: ServerCommand) -> McpProcess:
        """Start the program and greet it. Raises ToolFailed."""
        program = shutil.which(command.command)
        if program is None:
            raise ToolFailed(f"There is no command {command.command!r} on this host.")
        tied = shutil.which(_ENDS_WITH_US)
        before = (tied, "--pdeathsig", "KILL", "--") if tied else ()
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        folder = tempfile.gettempdir()
        try:
            process = await asyncio.create_subprocess_exec(
                *before,
                program,
                *command.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**inherited, "HOME": folder, **command.environment, **command.secrets},
                cwd=folder,
                start_new_session=True,
                limit=LONGEST_MESSAGE,
            )
        except (OSError, ValueError) as error:
            raise ToolFailed(f"{command.command} cannot be started: {type(error).__name__}.") from None
        started = cls(process, command)
        about = {"name": "devops-chatbot", "version": "1"}
        greeting = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": about}
        try:
            await started.request("initialize", greeting)
            await started._write({"method": "notifications/initialized"})
        except BaseException:
            started.kill()
            raise
        return started

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def tools(self) -> list[Mapping[str, Any]]:
        """What the server says of its tools, at most 500 of them. Raises ToolFailed."""
        return await listed_tools(self.request)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a call. Raises ToolFailed."""
        return await self.request("tools/call", {"name": name, "arguments": dict(arguments)})

    async def request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a request, secrets masked. Raises ToolFailed; but for an error that the server tells of
        itself, the server is ended then, and so it is when this is cancelled."""
        async with self._turn:
            self._number += 1
            try:
                async with asyncio.timeout(self._command.timeout_s):
                    await self._write({"id": self._number, "method": method, "params": dict(params)})
                    message = await self._answer(self._number)
            except TimeoutError:
                self.kill()
                seconds = self._command.timeout_s
                raise ToolFailed(f"The MCP server did not answer {method} within {seconds:g} seconds.") from None
            except (ConnectionError, asyncio.IncompleteReadError):
                raise ToolFailed(await self._ended(method)) from None
            except BaseException:
                self.kill()
                raise
        return self._result(message)

    def kill(self) -> None:
        """End the program and all that it started in its group."""
        self._listening.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Until a program that was ended is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await self._process.wait()

    async def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self._process.stdin.drain()

    async def _answer(self, number: int) -> Mapping[str, Any]:
        """The answer of this number among what the server writes; the rest is passed over, as far as it may go."""
        assert self._process.stdout is not None
        size = asked_back = 0
        for line_number in range(MOST_LINES):
            try:
                line = await self._process.stdout.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                raise ToolFailed(
                    f"The MCP server sent a message of more than {LONGEST_MESSAGE:,} bytes and was ended: ask for less."
                ) from None
            size += len(line)
            if size > MOST_BYTES:
                break
            message = _read(line)
            if message.get("id") == number and ("result" in message or "error" in message):
                return message
            if "id" in message and isinstance(message.get("method"), str) and asked_back < _MOST_ASKED_BACK:
                asked_back += 1
                await self._write(_answer_to(message))
            if line_number % _LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
        raise ToolFailed("The MCP server wrote without end instead of answering and was ended.")

    def _result(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        error, result = message.get("error"), message.get("result")
        if isinstance(error, Mapping):
            raise ToolFailed(f"The MCP server says: {self._masker.mask(str(error.get('message'))[:1_000])}")
        if not isinstance(result, Mapping):
            raise ToolFailed("The MCP server's answer is none: it holds no result.")
        if not self._command.secrets:
            return result
        masked: Mapping[str, Any] = json.loads(self._masker.mask(json.dumps(result, ensure_ascii=False)))
        return masked

    async def _ended(self, method: str) -> str:
        self.kill()
        await self.wait()
        code = self._process.returncode
        words = " ".join(self._masker.mask(self._words.decode("utf-8", "replace")).split())[-300:]
        return f"The MCP server ended (exit code {code}) instead of answering {method}. {words}".strip()

    async def _listen(self) -> None:
        """Keep the end of what the program complains about, so that it can be told why it ended."""
        assert self._process.stderr is not None
        while part := await self._process.stderr.read(4_096):
            self._words += part
            del self._words[:-_LAST_WORDS]


def _read(line: bytes) -> Mapping[str, Any]:
    """The message in a line; nothing for what is none."""
    try:
        message = read_bounded_json(line)
    except ValueError:
        return {}
    return message if isinstance(message, Mapping) else {}


def _answer_to(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a server is told that asks us: that we are there, and that we do nothing else for it."""
    if asked["method"] == "ping":
        return {"id": asked["id"], "result": {}}
    return {"id": asked["id"], "error": {"code": -32601, "message": "This client does not do that."}}
