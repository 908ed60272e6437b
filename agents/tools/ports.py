"""What a tool is, to whoever lists, allows or calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from agents.events import Risk
from agents.evidence import Evidence
from knowledge.types import Scope

Origin = Literal["run", "rest", "cli", "mcp", "command"]
"""From where a call is made."""

View = Literal["text", "table", "log", "chart", "diff", "code", "image"]
"""How people are shown an output; `ToolOutput.data` has the shape that the view needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSpec:
    """What is known of a tool before it is called.

    `name` matches `[a-z][a-z0-9_]{0,63}` and is unique among the tools of a scope. `parameters` is a JSON Schema
    (2020-12) of type object. `source` names the tool source that it comes from, `builtin` for ours. `reason` says why
    it cannot be called now, empty when it can. `open_world`: what is sent to it leaves the systems of the team (a web
    search, a page of the web), so that a read may carry something out.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    risk: Risk
    title: str = ""
    title_zh: str = ""
    source: str = "builtin"
    timeout_s: float = 30.0
    max_output_chars: int = 16_000
    reason: str = ""
    open_world: bool = False

    def titled(self, language: str) -> str:
        """What people are shown as its name in their language; empty where it has none."""
        return self.title_zh if language == "zh" and self.title_zh else self.title


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolContext:
    """Whose call it is, and within which run; `knowledge_bases` (ids) are those that the run may search.

    `call_id` is the same when the same call is made again after a crash: a tool whose platform takes an idempotency key
    sends it.
    """

    call_id: str
    scope: Scope
    run_id: str = ""
    thread_id: str = ""
    knowledge_bases: tuple[str, ...] = ()
    origin: Origin = "run"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolOutput:
    """What a call came to. `text` is for a model, whole and uncut; `data` and `view` for people; `evidence` can be
    cited (its numbers are given by the caller); `artifacts` are ids.

    Everything in it is untrusted: it comes from documents, platforms or code.
    """

    text: str
    summary: str = ""
    view: View = "text"
    data: Any = None
    evidence: tuple[Evidence, ...] = ()
    artifacts: tuple[str, ...] = ()


class Tool(Protocol):
    """Something that can be called, with arguments that meet its schema."""

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Make the call; closing or cancelling it ends what is under way.

        Raises ToolFailed with what was sent, what was wrong and what is allowed, for a model to learn from.
        """
        ...


class ToolSource(Protocol):
    """Where tools come from. Asked whenever a run begins or somebody lists tools, so it answers from memory or from the
    database; called in threads."""

    @property
    def name(self) -> str: ...

    def tools(self, scope: Scope) -> Sequence[Tool]: ...


Permission = Literal["allow", "ask", "ask_twice", "deny"]
"""What a policy says of a call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The verdict, why in a sentence, and a stable `code` for the sentence where it asks."""

    verdict: Permission
    reason: str = ""
    code: str = ""


class ToolPolicy(Protocol):
    """Decides about calls: deny by default, a read runs, a write asks, what destroys asks twice."""

    def judge(self, spec: ToolSpec, scope: Scope, *, influenced: bool) -> Judgement:
        """`influenced`: untrusted text (documents, tools, web, memory) is part of what led to the call."""
        ...


class ToolAudit(Protocol):
    """An append-only record of calls. A row is there before the call is made."""

    async def begin(
        self, spec: ToolSpec, arguments: Mapping[str, Any], context: ToolContext, *, decision: str, decided_by: str = ""
    ) -> str:
        """Write that a call is about to be made, or was denied; returns the id of its row."""
        ...

    async def end(self, audit_id: str, *, status: str, output: str, duration_ms: float) -> None: ...


class OutputKeeper(Protocol):
    """Keeps outputs that are longer than what a model is given, for people to read, and files that tools make."""

    async def keep_file(self, content: bytes, *, name: str, media_type: str, context: ToolContext) -> str:
        """The id of an artifact that holds the file."""
        ...

    async def keep(self, text: str, *, name: str, context: ToolContext) -> str:
        """The id of an artifact that holds the text."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolBox:
    """The tools that a run may know of, by name, what decides and records, and what keeps long outputs.

    Without a `keeper` what is cut off is lost, and the notice in the output says so.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    policy: ToolPolicy
    audit: ToolAudit
    keeper: OutputKeeper | None = None
