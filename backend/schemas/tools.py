"""Tools, calls of them, approvals and the record of calls, as REST shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from agents.events import Risk
from agents.tools.policy import Setting
from agents.tools.ports import Permission
from backend.schemas.base import Body, View


class ToolView(View):
    """A tool. `policy` is what holds for a call of it while nothing untrusted had part in it; `setting` what an
    operator decided, null where the policy of its risk holds; `reason` says why it is not `available`."""

    name: str
    title: str
    titles: dict[str, str] = Field(description="By language: en, zh.")
    description: str
    source: str
    risk: Risk
    policy: Permission
    setting: Setting | None
    parameters: dict[str, Any]
    available: bool
    reason: str


class ToolList(View):
    """The tools, the best fitting first when a query was given, otherwise by name. `problems` says of each source that
    is broken what is wrong; `total` how many tools there are for what was asked."""

    items: list[ToolView]
    problems: dict[str, str] = Field(default_factory=dict)
    total: int


class ToolUpdate(Body):
    """What is to hold for a tool: `allow` runs it without asking, `ask` asks before every call, `off` refuses it; null
    gives it back to the policy of its risk."""

    policy: Setting | None


class ToolCallCreate(Body):
    """A call. `knowledge_bases` (names or ids) narrow what it may use, all when left out; with `dry_run` nothing is
    called and what would be sent is said."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    knowledge_bases: list[str] | None = Field(default=None, max_length=200)
    dry_run: bool = False


class ToolCallView(View):
    """What a call came to. `output` is cut to the tool's share, the whole is then among the `artifacts`. After a dry
    run `verdict` is what the policy says and `preview` what would be sent, secrets masked."""

    status: Literal["succeeded", "failed", "denied", "cut", "dry_run"]
    output: str
    summary: str = ""
    view: str = "text"
    data: Any = None
    evidence: list[dict[str, Any]] = Field(default_factory=list)
    artifacts: list[str] = Field(default_factory=list)
    audit_id: str | None = None
    duration_ms: float = 0.0
    verdict: Permission | None = None
    reason: str = ""
    reason_code: str = Field(default="", description="Why a tool refused a call, as a stable word.")
    words: dict[str, str] = Field(default_factory=dict, description="That refusal for people, by language: en, zh.")
    preview: dict[str, Any] | None = None


class ApprovalDecision(Body):
    """A decision about exactly the call that waits; edited `arguments` are checked again."""

    decision: Literal["approve", "reject"]
    arguments: dict[str, Any] | None = None
    comment: str = Field(default="", max_length=2000)


class AuditView(View):
    """A call as it was recorded: a row stands before the call is made. `interrupted`: whoever made it died before it
    ended, so whether it was done is not known. Secrets in `arguments` are masked, long texts shortened."""

    id: str
    user_id: str
    origin: str
    run_id: str
    thread_id: str
    call_id: str
    tool: str
    source: str
    risk: str
    arguments: dict[str, Any]
    decision: str
    decided_by: str
    status: Literal["succeeded", "failed", "denied", "cancelled", "running", "interrupted"]
    started_at: datetime
    finished_at: datetime | None
    duration_ms: float | None
    output_size: int | None
    output_hash: str | None
