"""Who may call what: role × tool × risk, and what the operator decided for single tools. Deny by default."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agents.events import Risk
from agents.tools.ports import Judgement, Permission, ToolSpec
from knowledge.types import Scope

Setting = Literal["allow", "ask", "off"]
"""What an operator decides for a tool: it runs, it asks, it is off."""

_ALL: frozenset[Risk] = frozenset({"read", "write", "destructive", "unknown"})
ROLE_RISKS: Mapping[str, frozenset[Risk]] = {
    "viewer": frozenset({"read"}),
    "operator": _ALL,
    "admin": _ALL,
}
"""What each role may ask for at all. A role that is not here may nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """What was decided for a tool as it was then: a tool of another source or risk under the same name is another
    tool, and what was allowed to the one is not to the other."""

    setting: Setting
    source: str
    risk: Risk

    def allows(self, spec: ToolSpec) -> bool:
        """Whether it lets this tool run."""
        return self.setting == "allow" and (self.source, self.risk) == (spec.source, spec.risk)


@dataclass(frozen=True, kw_only=True, slots=True)
class RolePolicy:
    """The policy of a scope. `listed` names the tools that there are; any other is refused.

    A read runs, unless it would carry something out of the house after untrusted text was read; a write, and what is
    unknown, asks; what destroys asks twice. An operator may let a write run without asking, and then it still asks when
    untrusted text had part in it; what destroys never runs unasked.
    """

    listed: Collection[str]
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def judge(self, spec: ToolSpec, scope: Scope, *, influenced: bool) -> Judgement:
        """The verdict, and why in a sentence."""
        override = self.overrides.get(spec.name)
        if spec.name not in self.listed:
            return _no(f"{spec.name} is not among the tools that may be called here.")
        if override is not None and override.setting == "off":
            return _no(f"{spec.name} is switched off.")
        if not _role_allows(scope, spec.risk):
            return _no(f"Your role ({', '.join(scope.roles)}) may not make calls that are {spec.risk}.")
        allowed = override is not None and override.allows(spec)
        asks = override is not None and override.setting == "ask"
        if spec.risk == "read":
            return _read(spec, influenced=influenced, allowed=allowed, asks=asks)
        if spec.risk == "destructive":
            return _destructive(spec, influenced=influenced, allowed=allowed)
        return _write(spec, influenced=influenced, allowed=allowed)


def effective_policy(spec: ToolSpec, override: Override | None) -> Permission:
    """What holds for a tool while nothing untrusted had part in the call."""
    policy = RolePolicy(listed=(spec.name,), overrides={} if override is None else {spec.name: override})
    return policy.judge(spec, Scope(workspace_id="", user_id=""), influenced=False).verdict


def _role_allows(scope: Scope, risk: Risk) -> bool:
    # Without roles there is one user, whose house it is.
    return not scope.roles or any(risk in ROLE_RISKS.get(role, ()) for role in scope.roles)


def _read(spec: ToolSpec, *, influenced: bool, allowed: bool, asks: bool) -> Judgement:
    if asks:
        return Judgement(verdict="ask", reason=f"{spec.name} asks before every call.", code="asks_always")
    if spec.open_world and influenced and not allowed:
        reason = "Text from outside had part in this call, and what is sent with it leaves your systems."
        return Judgement(verdict="ask", reason=reason, code="outside_read")
    return Judgement(verdict="allow", reason="It only reads.")


def _write(spec: ToolSpec, *, influenced: bool, allowed: bool) -> Judgement:
    if allowed and not influenced:
        return Judgement(verdict="allow", reason=f"{spec.name} is allowed without asking.")
    if allowed:
        reason = "Text from outside had part in this call, so it asks although it is allowed otherwise."
        return Judgement(verdict="ask", reason=reason, code="outside_write")
    if spec.risk == "write":
        return Judgement(verdict="ask", reason="It changes something.", code="changes")
    return Judgement(verdict="ask", reason="What it changes is not known.", code="unknown")


def _destructive(spec: ToolSpec, *, influenced: bool, allowed: bool) -> Judgement:
    if allowed and not influenced:
        return Judgement(verdict="ask", reason="It destroys something.", code="destroys")
    return Judgement(verdict="ask_twice", reason="It destroys something.", code="destroys")


def _no(reason: str) -> Judgement:
    return Judgement(verdict="deny", reason=reason)
