"""The stored sources and connections of a scope, as sources of tools."""

from __future__ import annotations

import json
import shlex
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.commands.allowed import AllowedCommands
from agents.tools.http.client import HttpClient
from agents.tools.http.endpoint import Endpoint
from agents.tools.mcp.client import http_session
from agents.tools.mcp.ports import ServerSession
from agents.tools.mcp.process import ServerCommand
from agents.tools.mcp.processes import McpProcesses
from agents.tools.mcp.tool import McpTool, mcp_spec
from agents.tools.openapi.tool import compiled_operation
from agents.tools.ports import Tool, ToolSource
from agents.tools.web import WebPageTool
from agents.tools.yaml.compiled import Compiled, compiled
from agents.tools.yaml.definition import DeclaredTool, Toolset
from agents.tools.yaml.loading import load_toolset, local_toolsets, toolsets_of
from agents.tools.yaml.reach import OpenEndpoint
from agents.tools.yaml.source import ToolsetSource
from backend.accounts.sealing import Sealer
from backend.connections.store import Connections, StoredConnection
from backend.errors import CommandsOff, KeyNeeded, Missing, SecretUnreadable
from backend.tool_sources.choices import Choices
from backend.tool_sources.commands import OPTION, server_command
from backend.tool_sources.store import StoredSource, ToolSources
from knowledge.storage.database import Database
from knowledge.types import Scope

_REMEMBERED = 400
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedSource:
    """Tools that are there already."""

    name: str
    made: Sequence[Tool]

    def tools(self, scope: Scope) -> Sequence[Tool]:
        return self.made


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenSource:
    """A source of which no tools can be made; listing it says why."""

    name: str
    reason: str

    def tools(self, scope: Scope) -> Sequence[Tool]:
        """Raises ToolsetInvalid."""
        raise ToolsetInvalid(self.reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredToolSources:
    """Makes the sources of a scope; what was made of a version is remembered."""

    database: Database
    sealer: Sealer
    client: HttpClient
    commands: AllowedCommands = field(default_factory=AllowedCommands)
    servers: McpProcesses = field(default_factory=McpProcesses)
    mcp_commands: tuple[str, ...] = ()
    _made: OrderedDict[Any, Any] = field(default_factory=OrderedDict)

    def sources(self, scope: Scope) -> Sequence[ToolSource]:
        """Those that are on: one for each platform that is connected, and the stored ones."""
        with self.database.read() as reading:
            connections = Connections(reading, scope, self.sealer).all()
            stored = [each for each in ToolSources(reading, scope).all() if each.enabled]
        opened = self._opener(scope)
        return [
            *self._platforms(connections, opened, scope),
            *self._local(opened, scope),
            *(self._stored(each, connections, opened, scope) for each in stored),
        ]

    def endpoint(self, scope: Scope, connection_id: str) -> Endpoint:
        """The endpoint of a connection. Raises Missing, KeyNeeded, SecretUnreadable."""
        with self.database.read() as reading:
            stored = Connections(reading, scope, self.sealer).get(connection_id)
        return stored.endpoint(self.sealer)

    def _opener(self, scope: Scope) -> OpenEndpoint:
        async def opened(connection_id: str) -> Endpoint:
            try:
                return await anyio.to_thread.run_sync(self.endpoint, scope, connection_id)
            except (Missing, KeyNeeded, SecretUnreadable) as error:
                raise ToolFailed(f"The connection cannot be used. {error}") from None

        return opened

    def _platforms(
        self, connections: Sequence[StoredConnection], opened: OpenEndpoint, scope: Scope
    ) -> list[ToolSource]:
        by_kind: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for each in connections:
            by_kind[each.kind][each.name] = each.id
        found: list[ToolSource] = []
        for kind, names in by_kind.items():
            for toolset in toolsets_of(kind):
                key = ("platform", toolset.name)
                made = self._remembered(key, partial(_all_compiled, toolset))
                found.append(self._source(toolset.name, key, made, names, opened, scope))
        if "searxng" in by_kind:  # whoever searches the web reads what was found
            found.append(FixedSource(name="web", made=[WebPageTool(client=self.client)]))
        return found

    def _local(self, opened: OpenEndpoint, scope: Scope) -> list[ToolSource]:
        """Programs of this machine, once the operator allows any."""
        found = []
        for toolset in local_toolsets() if self.commands.entries else ():
            key = ("local", toolset.name)
            made = self._remembered(key, partial(_all_compiled, toolset))
            found.append(self._source(toolset.name, key, made, {}, opened, scope))
        return found

    def _stored(
        self, source: StoredSource, connections: Sequence[StoredConnection], opened: OpenEndpoint, scope: Scope
    ) -> ToolSource:
        named = {each.name: each.id for each in connections if each.id == source.connection_id}
        key = (source.id, source.version)
        if source.kind == "mcp":
            return self._mcp(source, opened, scope)
        try:
            made = self._remembered(key, lambda: tuple(self._compiled(source, scope)))
        except (ToolsetInvalid, KeyError, ValueError, TypeError) as error:
            return BrokenSource(name=source.name, reason=f"No tools can be made of it: {error}")
        return self._source(source.name, key, made, named, opened, scope)

    def _mcp(self, source: StoredSource, opened: OpenEndpoint, scope: Scope) -> ToolSource:
        def make() -> Sequence[Tool]:
            with self.database.read() as reading:
                records = ToolSources(reading, scope).records(source.id)["tools"]
            choices = Choices.of(source.options)
            return [
                McpTool(
                    spec=mcp_spec(each, source=source.name, risk=choices.risk(each)),
                    record=each,
                    open_session=partial(self._session, source, opened, scope),
                )
                for each in records
                if choices.state(each) == "on"
            ]

        return FixedSource(name=source.name, made=self._remembered((scope, source.id, source.version), make))

    @asynccontextmanager
    async def _session(self, source: StoredSource, opened: OpenEndpoint, scope: Scope) -> AsyncIterator[ServerSession]:
        """A session with the MCP server of a source. Raises ToolFailed."""
        if OPTION not in source.options:
            endpoint = await opened(source.connection_id or "")
            async with http_session(self.client, endpoint) as session:
                yield session
            return
        try:
            command = await anyio.to_thread.run_sync(self.command, scope, source)
        except (CommandsOff, Missing, KeyNeeded, SecretUnreadable) as error:
            raise ToolFailed(str(error)) from None
        wanted = partial(self._is_wanted, scope, source)
        async with self.servers.session(source.id, command, wanted) as process:
            yield process

    def command(self, scope: Scope, source: StoredSource) -> ServerCommand:
        """How the server of a source is started. Raises CommandsOff, Missing, KeyNeeded, SecretUnreadable."""
        with self.database.read() as reading:
            return server_command(reading, scope, self.sealer, source.options, self.mcp_commands)

    def _is_wanted(self, scope: Scope, source: StoredSource) -> bool:
        """Whether the source is still there, on, and has the same command."""
        with self.database.read() as reading:
            try:
                now = ToolSources(reading, scope).get(source.id)
            except Missing:
                return False
        return now.enabled and now.options.get(OPTION) == source.options[OPTION]

    def _source(
        self,
        name: str,
        version: tuple[str, str | int],
        made: tuple[Compiled, ...],
        names: Mapping[str, str],
        opened: OpenEndpoint,
        scope: Scope,
    ) -> ToolSource:
        """The tools, which are made once: a listing of thousands must not take longer than what it is for."""

        def make() -> Sequence[Tool]:
            source = ToolsetSource(
                name=name,
                made=made,
                client=self.client,
                connections=names,
                open_endpoint=opened,
                commands=self.commands,
            )
            return source.tools(scope)

        return FixedSource(name=name, made=self._remembered((scope, name, version, tuple(names.items())), make))

    def _compiled(self, source: StoredSource, scope: Scope) -> Sequence[Compiled]:
        with self.database.read() as reading:
            definition = ToolSources(reading, scope).definition(source.id)
        choices = Choices.of(source.options)
        if source.kind == "yaml":
            tools = (compiled(each) for each in load_toolset(definition).tools)
            return [each for each in tools if each.definition.name not in choices.off]
        records = json.loads(definition)["tools"]
        on = (each for each in records if choices.state(each) == "on")
        return [compiled_operation(each, risk=choices.risk(each)) for each in on]

    def _remembered(self, key: Any, make: Callable[[], Result]) -> Result:
        if key in self._made:
            found: Result = self._made[key]
            return found
        made = self._made[key] = make()
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return made


def _all_compiled(toolset: Toolset) -> tuple[Compiled, ...]:
    return tuple(map(compiled, toolset.tools))


def yaml_records(text: str) -> list[Mapping[str, Any]]:
    """The tools of a toolset as they are shown beside those of documents. Raises ToolsetInvalid."""
    return [
        {
            "name": each.name,
            "method": _method(each),
            "path": _path(each),
            "title": each.title.en if each.title else "",
            "description": each.description,
            "risk": compiled(each).risk,
            "on": True,
        }
        for each in load_toolset(text).tools
    ]


def _method(tool: DeclaredTool) -> str:
    if tool.statement is not None:
        return "SQL"
    if tool.command is not None:
        return "RUN"
    return "DO" if tool.operation else tool.request.method


def _path(tool: DeclaredTool) -> str:
    if tool.statement is not None:
        return " ".join(tool.statement.text.split())[:200]
    if tool.command is not None:
        return shlex.join([tool.command.program, *tool.command.arguments])
    return tool.operation or tool.request.path
