"""Tools, a policy's surroundings and a record to test with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.tools.policy import Override, RolePolicy
from agents.tools.ports import Tool, ToolBox, ToolContext, ToolOutput, ToolSpec
from knowledge.types import Scope

SCOPE = Scope(workspace_id="local", user_id="local")
ANY: dict[str, Any] = {"type": "object", "properties": {"what": {"type": "string"}}}


def spec(name: str = "look", **changes: Any) -> ToolSpec:
    return ToolSpec(**{"name": name, "description": "Looks.", "parameters": ANY, "risk": "read", **changes})


def context(call_id: str = "call-1", **changes: Any) -> ToolContext:
    return ToolContext(**{"call_id": call_id, "scope": SCOPE, **changes})


@dataclass
class FakeTool:
    """Answers with `output`, or raises `error`, after `pause` seconds; remembers its calls."""

    spec: ToolSpec
    output: ToolOutput = field(default_factory=lambda: ToolOutput(text="Done."))
    error: Exception | None = None
    pause: float = 0.0
    heeds_cancelling: bool = True
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    cancelled: int = 0

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        self.calls.append(arguments)
        while self.pause:
            try:
                await asyncio.sleep(self.pause)
                break
            except asyncio.CancelledError:
                self.cancelled += 1
                if self.heeds_cancelling:
                    raise
        if self.error is not None:
            raise self.error
        return self.output


@dataclass
class FakeSource:
    """Has these tools, or is broken."""

    name: str
    found: Sequence[Tool] = ()
    error: Exception | None = None

    def tools(self, scope: Scope) -> Sequence[Tool]:
        if self.error is not None:
            raise self.error
        return self.found


@dataclass
class FakeAudit:
    """Keeps rows in memory, each a dict."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False

    async def begin(
        self, spec: ToolSpec, arguments: Mapping[str, Any], context: ToolContext, *, decision: str, decided_by: str = ""
    ) -> str:
        if self.broken:
            raise OSError("no disk")
        row = {"tool": spec.name, "arguments": dict(arguments), "decision": decision, "by": decided_by, "status": ""}
        self.rows.append(row)
        return str(len(self.rows) - 1)

    async def end(self, audit_id: str, *, status: str, output: str, duration_ms: float) -> None:
        self.rows[int(audit_id)] |= {"status": status, "output": output}


@dataclass
class FakeKeeper:
    kept: list[str] = field(default_factory=list)

    async def keep(self, text: str, *, name: str, context: ToolContext) -> str:
        self.kept.append(text)
        return f"artifact-{len(self.kept)}"


def box(
    *tools: Tool,
    overrides: Mapping[str, Override] | None = None,
    audit: FakeAudit | None = None,
    keeper: FakeKeeper | None = None,
) -> ToolBox:
    by_name = {tool.spec.name: tool for tool in tools}
    policy = RolePolicy(listed=frozenset(by_name), overrides=overrides or {})
    return ToolBox(tools=by_name, policy=policy, audit=audit or FakeAudit(), keeper=keeper)
