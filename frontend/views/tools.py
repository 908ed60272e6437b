"""Tools, the platforms behind them, and what was called."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionKind:
    """A platform that tools exist for; texts by language."""

    kind: str
    title: dict[str, str]
    description: dict[str, str]
    permissions: dict[str, str]
    example_url: str = ""
    auth: list[str] = field(default_factory=list)
    secrets: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    id: str
    kind: str
    name: str
    base_url: str = ""
    auth: dict[str, Any] = field(default_factory=dict)
    has_secrets: bool = False
    allow_private: bool = False
    timeout_s: float = 30.0
    concurrency: int = 8
    per_minute: int = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionTest:
    """What trying a connection came to; `cause` is a stable word for it, `answer` what the `place` said of itself."""

    ok: bool
    message: str
    cause: str = ""
    place: str = ""
    answer: str = ""
    latency_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCommand:
    """How the MCP server of a source is started; values of secret variables are not told."""

    command: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    secret_names: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSource:
    id: str
    kind: str
    name: str
    connection_id: str | None = None
    enabled: bool = True
    base_path: str = ""
    tools: int = 0
    on: int = 0
    changed: int = 0
    refused: int = 0
    problem: str = ""
    command: ServerCommand | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTool:
    name: str
    method: str = ""
    path: str = ""
    title: str = ""
    risk: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTools:
    items: list[SourceTool]
    refusals: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    name: str
    title: str
    titles: dict[str, str] = field(default_factory=dict)
    description: str = ""
    source: str = ""
    risk: str = ""
    policy: str = ""
    setting: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    available: bool = True
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolList:
    items: list[Tool]
    problems: dict[str, str] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What a call came to; with `approval_id` it waits for a decision on exactly `arguments`."""

    status: str
    output: str = ""
    view: str = "text"
    data: Any = None
    reason: str = ""
    reason_code: str = ""
    words: dict[str, str] = field(default_factory=dict)
    risk: str = ""
    preview: dict[str, Any] | None = None
    approval_id: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    round: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    tool: str
    status: str
    user_id: str = ""
    origin: str = ""
    risk: str = ""
    decision: str = ""
    decided_by: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    duration_ms: float | None = None
    output_size: int | None = None
