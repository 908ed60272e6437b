"""What the API says of the sandbox, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxNetworkOffer:
    hosts: list[str] = field(default_factory=list)
    packages: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxNetworkRequest:
    method: str
    host: str
    port: int
    decision: str
    reason: str
    started_at: datetime
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxNetwork:
    hosts: list[str] = field(default_factory=list)
    total: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0
    items: list[SandboxNetworkRequest] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxStatus:
    adapter: str
    available: bool
    reason: str = ""
    languages: list[str] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    enforcement: dict[str, str] = field(default_factory=dict)
    detail: str = ""
    network: SandboxNetworkOffer = field(default_factory=SandboxNetworkOffer)
    not_held: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxSession:
    id: str
    adapter: str
    language: str
    languages: list[str] = field(default_factory=list)
    busy: bool = False
    run_count: int = 0
    created_at: datetime | None = None
    expires_in_s: float = 0.0
    network: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxUsage:
    memory_bytes: int | None = None
    processes: int | None = None
    file_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxFile:
    path: str
    media_type: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxFiles:
    items: list[SandboxFile]
    usage: SandboxUsage


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOutput:
    data: dict[str, Any]
    is_result: bool = False
    path: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxRun:
    status: str
    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    exit_code: int | None = None
    detail: str = ""
    artifacts: list[SandboxFile] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    outputs: list[SandboxOutput] = field(default_factory=list)
    state: str = "kept"
    duration_ms: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxLog:
    language: str
    code: str
    reason: str
    started_at: datetime | None = None
    duration_ms: float = 0.0
    output: str = ""
