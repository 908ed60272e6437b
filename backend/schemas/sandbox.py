"""The sandbox, as REST shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from backend.schemas.base import Body, View

Language = Annotated[str, Field(min_length=1, max_length=40)]
Host = Annotated[str, Field(min_length=1, max_length=260)]
Status = Literal["finished", "error", "timeout", "memory", "killed", "output_limit"]


class SandboxSessionCreate(Body):
    """`network`: `off`; `packages`, the indexes of packages alone; `allowed`, whatever the administrator allows; or
    hosts out of these, such as `["packages", "api.example.org"]`. `lifetime_s` ends the session at the latest."""

    language: Language = "python"
    network: Host | list[Host] = "off"
    lifetime_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class SandboxSessionView(View):
    id: str
    adapter: str
    language: str
    languages: list[str]
    busy: bool
    run_count: int
    created_at: datetime
    last_used_at: datetime
    expires_in_s: float
    network: list[str]
    """The hosts it may reach; none: it has no network."""


class SandboxNetworkRequestView(View):
    """A request of a session to the network. `reason` says why it was refused or cut off; `address` is where the host
    was found; bytes are counted as the session sees them, without the head of a tunnel."""

    method: str
    host: str
    port: int
    address: str
    decision: Literal["allowed", "refused"]
    reason: str
    sent: int
    received: int
    started_at: datetime
    duration_ms: float


class SandboxNetworkView(View):
    """The network of a session: what it may reach, the sums of all its requests, and the last of them."""

    hosts: list[str]
    total: int
    refused: int
    sent: int
    received: int
    items: list[SandboxNetworkRequestView]


class SandboxNetworkOffer(View):
    """What a session may ask for: hosts, and whether packages can be installed."""

    hosts: list[str]
    packages: bool


class SandboxUsageView(View):
    """What a session takes; null where nobody counts it."""

    memory_bytes: int | None
    processes: int | None
    file_bytes: int | None


class SandboxFileView(View):
    path: str
    media_type: str
    size: int
    modified_at: datetime


class SandboxFiles(View):
    items: list[SandboxFileView]
    usage: SandboxUsageView


class SandboxRunCreate(Body):
    """Code and what it reads from stdin; everything is passed on as data, through no shell."""

    model_config = ConfigDict(extra="forbid", str_max_length=8_000_000)

    code: str
    language: Language | None = None
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stdin: str = ""


class SandboxArtifactView(View):
    path: str
    media_type: str
    size: int


class SandboxOutputView(View):
    """Something a run showed: a plot, a table, a value. `data` by media type, binary types in base64; HTML in it is as
    untrusted as the code. `path` is its file in the session, if it has one."""

    data: dict[str, Any]
    is_result: bool
    path: str


class SandboxPhaseView(View):
    phase: str
    exit_code: int


class SandboxRunView(View):
    """`result` is the value of the last expression as text. `dropped` counts the bytes left out of the middle of each
    stream. `state`: whether variables of the session outlived the run. `skipped`: files that are not handed out, and
    why."""

    status: Status
    stdout: str
    stderr: str
    result: str | None
    exit_code: int | None
    signal: str
    detail: str
    artifacts: list[SandboxArtifactView]
    skipped: list[str]
    outputs: list[SandboxOutputView]
    phases: list[SandboxPhaseView]
    dropped: dict[str, int]
    truncated: bool
    state: Literal["kept", "lost"]
    duration_ms: float


class SandboxLogView(View):
    language: str
    code: str
    started_at: datetime
    reason: Status
    exit_code: int | None
    duration_ms: float
    output: str


class SandboxStatus(View):
    """`limits` are those of one session; `enforcement` says who holds each: the kernel, a watcher, or nobody.
    `not_held` is what a runtime with a kernel of its own leaves open; nothing of it reaches the machine. `missing` are
    Python packages that the image has and the root in use has not. `aliases` are other names of the languages."""

    adapter: Literal["docker", "bubblewrap", "off"]
    available: bool
    reason: str
    languages: list[str]
    limits: dict[str, float]
    enforcement: dict[str, str]
    detail: str
    network: SandboxNetworkOffer
    not_held: list[Literal["process_count", "file_count", "forbidden_calls", "hidden_agent"]]
    missing: list[str] = Field(default_factory=list)
    aliases: dict[str, str] = Field(default_factory=dict)
