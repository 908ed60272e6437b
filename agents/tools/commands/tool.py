"""A tool that is a program of this machine: no shell, no environment, so much output and so much time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.commands.allowed import AllowedCommands
from agents.tools.commands.command import arguments_of
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.rendering import values_of
from agents.tools.yaml.shaping import shape

_MOST_BYTES = 1_000_000
_LONGEST_ERROR = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandTool:
    """Runs a program that the operator allowed."""

    spec: ToolSpec
    tool: Compiled
    commands: AllowedCommands

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Run it to its end, or to the limits. Raises ToolFailed with the command and what it said."""
        line = self._line(arguments)
        shown = shlex.join([os.path.basename(line[0]), *line[1:]])
        code, output, errors, is_cut = await run(line, self.commands.path, self.spec.timeout_s)
        command = self.tool.definition.command
        if not is_cut and command is not None and code not in command.success:
            said = " ".join((errors or output).split())[:_LONGEST_ERROR]
            raise ToolFailed(f"{shown} ended with {code}. {said}".strip())
        try:
            made = shape(self.tool.definition.result, None, output)
        except ToolsetInvalid as error:
            raise ToolFailed(f"{shown} ran, but {error}") from None
        notice = f"\n(cut after {_MOST_BYTES:,} bytes)" if is_cut else ""
        summary = made.summary or f"{len(output.splitlines())} lines"
        return replace(made, text=f"$ {shown}\n{made.text}{notice}", summary=summary)

    async def preview(self, arguments: Mapping[str, Any]) -> str:
        """The command line as it would be run."""
        return shlex.join(self._line(arguments))

    def _line(self, arguments: Mapping[str, Any]) -> list[str]:
        command = self.tool.definition.command
        if command is None:
            raise ToolFailed("This tool has no command.")
        reason = self.commands.reason_against(command)
        program = self.commands.program(command)
        if reason or program is None:
            raise ToolFailed(reason)
        values = values_of(self.tool, arguments, time.time())
        return [program, *arguments_of(command, self.tool.parameters, values)]


async def run(line: list[str], path: str, timeout_s: float) -> tuple[int, str, str, bool]:
    """The exit code, both outputs, and whether it was ended because it said too much. Raises ToolFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *line,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolFailed(f"{line[0]} cannot be started: {error.strerror}.") from None
    try:
        async with asyncio.timeout(timeout_s):
            (output, is_cut), (errors, _) = await asyncio.gather(
                _read(process, process.stdout), _read(process, process.stderr)
            )
            code = await process.wait()
    except TimeoutError:
        raise ToolFailed(f"{os.path.basename(line[0])} was ended after {timeout_s:g} s: ask for less.") from None
    finally:
        if process.returncode is None:
            _end(process)
            await asyncio.shield(process.wait())
    return code, output, errors, is_cut


async def _read(process: asyncio.subprocess.Process, stream: asyncio.StreamReader | None) -> tuple[str, bool]:
    blocks, size = [], 0
    while stream is not None and (block := await stream.read(65_536)):
        blocks.append(block[: _MOST_BYTES - size])
        size += len(block)
        if size > _MOST_BYTES:
            _end(process)
            break
    return b"".join(blocks).decode("utf-8", "replace"), size > _MOST_BYTES


def _end(process: asyncio.subprocess.Process) -> None:
    """End the program and what it started, which are a group of their own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
