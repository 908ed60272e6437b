"""Calls outside runs: made by programs and people, under the same policy and with the same record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from agents.errors import ToolFailed
from agents.tools.calling import CallResult, PreparedCall, ToolCaller
from agents.tools.ports import Origin, ToolContext
from backend.accounts.sealing import Sealer
from backend.errors import ApprovalRequired, ToolDenied
from backend.knowledge_bases.selection import chosen_or_all
from backend.tools.approvals import ToolApprovals, WaitingCall
from backend.tools.toolboxes import ToolBoxes
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCalls:
    """Makes calls for a scope; those that must be approved wait in the database."""

    database: Database
    toolboxes: ToolBoxes
    sealer: Sealer
    approval_minutes: int

    async def prepare(
        self,
        scope: Scope,
        name: str,
        arguments: Mapping[str, Any],
        *,
        origin: Origin,
        bases: tuple[str, ...] | None = None,
    ) -> tuple[ToolCaller, PreparedCall]:
        """The call, checked and judged. `bases` are the ids of those it may use, all when None. Raises ToolFailed."""
        return await asyncio.to_thread(self._prepared, scope, name, arguments, origin, bases, new_id())

    async def call(
        self,
        scope: Scope,
        name: str,
        arguments: Mapping[str, Any],
        *,
        origin: Origin,
        bases: tuple[str, ...] | None = None,
    ) -> CallResult:
        """What the call came to. Raises ToolFailed for arguments that cannot be used, ToolDenied, and ApprovalRequired
        for a call that waits now."""
        caller, context = await asyncio.to_thread(self._at_hand, scope, origin, bases, new_id())
        try:
            prepared = await asyncio.to_thread(caller.prepare, name, arguments, context, influenced=False)
        except ToolFailed:
            await caller.note_unusable(name, arguments, context)
            raise
        if prepared.verdict == "allow":
            return await caller.perform(prepared)
        if prepared.verdict == "deny":
            await caller.refuse(prepared, prepared.reason)
            raise ToolDenied(prepared.reason)
        rounds = 2 if prepared.verdict == "ask_twice" else 1
        raise await asyncio.to_thread(self._wait, prepared, 1, rounds)

    async def decide(
        self,
        scope: Scope,
        approval_id: str,
        *,
        approved: bool,
        arguments: Mapping[str, Any] | None = None,
        comment: str = "",
        origin: Origin,
    ) -> CallResult:
        """Decide on a call that waits, and make it when it was approved often enough. Edited arguments are checked
        first: while they cannot be used, nothing is decided.

        Raises Missing, ApprovalGone, ToolFailed, ToolDenied; ApprovalRequired when it must be approved once more.
        """
        waiting = await asyncio.to_thread(self._waiting, scope, approval_id)
        edited = arguments is not None and approved
        given = arguments if edited and arguments is not None else waiting.arguments
        caller, prepared = await asyncio.to_thread(
            self._prepared, scope, waiting.tool, given, origin, waiting.bases, approval_id
        )
        await asyncio.to_thread(self._decide, scope, approval_id, approved)
        if not approved:
            reason = f"It was rejected{': ' + comment if comment else '.'}"
            return await caller.refuse(prepared, reason, decided_by=scope.user_id)
        if prepared.verdict == "deny":
            await caller.refuse(prepared, prepared.reason)
            raise ToolDenied(prepared.reason)
        changed = prepared.fingerprint != waiting.fingerprint
        rounds = max(waiting.rounds, 2 if prepared.verdict == "ask_twice" else 1)
        if changed and not edited:
            raise await asyncio.to_thread(self._wait, prepared, 1, rounds)  # the tool is another one by now
        # What is approved twice is the same both times: after an edit the last decision does not count for it.
        round = min(waiting.round, rounds - 1) if changed and rounds > 1 else waiting.round
        if round < rounds:
            raise await asyncio.to_thread(self._wait, prepared, round + 1, rounds)
        return await caller.perform(prepared, decision="approved", decided_by=scope.user_id)

    def _prepared(
        self,
        scope: Scope,
        name: str,
        arguments: Mapping[str, Any],
        origin: Origin,
        bases: tuple[str, ...] | None,
        call_id: str,
    ) -> tuple[ToolCaller, PreparedCall]:
        caller, context = self._at_hand(scope, origin, bases, call_id)
        return caller, caller.prepare(name, arguments, context, influenced=False)

    def _at_hand(
        self, scope: Scope, origin: Origin, bases: tuple[str, ...] | None, call_id: str
    ) -> tuple[ToolCaller, ToolContext]:
        with self.database.read() as connection:
            known = chosen_or_all(connection, scope, bases or ())
        context = ToolContext(call_id=call_id, scope=scope, knowledge_bases=known, origin=origin)
        return self.toolboxes.caller(scope), context

    def _waiting(self, scope: Scope, approval_id: str) -> WaitingCall:
        with self.database.read() as connection:
            return ToolApprovals(connection, scope, self.sealer).get(approval_id)

    def _decide(self, scope: Scope, approval_id: str, approved: bool) -> None:
        with self.database.write() as connection:
            ToolApprovals(connection, scope, self.sealer).decide(approval_id, approved=approved)

    def _wait(self, prepared: PreparedCall, round: int, rounds: int) -> ApprovalRequired:
        """Let the call wait; the error that says so."""
        spec, scope = prepared.spec, prepared.context.scope
        with self.database.write() as connection:
            waiting = ToolApprovals(connection, scope, self.sealer).add(
                tool=spec.name,
                fingerprint=prepared.fingerprint,
                arguments=prepared.arguments,
                bases=prepared.context.knowledge_bases,
                shown=prepared.shown,
                round=round,
                rounds=rounds,
                minutes=self.approval_minutes,
            )
        again = " It is asked a second time, because it cannot be undone." if round > 1 else ""
        return ApprovalRequired(
            f"{spec.name} must be approved first: {prepared.reason}{again}",
            {
                "approval_id": waiting.id,
                "tool": spec.name,
                "arguments": dict(prepared.shown),
                "risk": spec.risk,
                "reason_code": prepared.reason_code,
                "round": round,
                "rounds": rounds,
                "expires_at": waiting.expires_at.isoformat(),
                "parameters": dict(spec.parameters),
            },
        )


async def previewed(prepared: PreparedCall) -> Mapping[str, Any]:
    """What a dry run tells of a call: what the tool itself says would be sent, or its arguments. Raises ToolFailed."""
    preview = getattr(prepared.tool, "preview", None)
    if callable(preview):
        told = preview(prepared.shown)
        told = await told if isawaitable(told) else told
        return dict(told) if isinstance(told, Mapping) else {"request": told}
    return {"tool": prepared.spec.name, "arguments": dict(prepared.shown)}
