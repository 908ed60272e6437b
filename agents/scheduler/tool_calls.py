"""Making the calls that a model asks for: once each, whatever happens to the process, and with a person's leave where
policy asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agents.errors import ToolFailed
from agents.events import Retrieved, RunEvent
from agents.evidence import Evidence
from agents.messages.parts import ToolCall, ToolResult
from agents.messages.trust import wrap_untrusted
from agents.ports import ToolDefinition
from agents.scheduler.approvals import Decision, Question, decided
from agents.scheduler.code_tool import CodeTool
from agents.scheduler.evidence import decode_found, encode_found
from agents.scheduler.loops import CallGuard
from agents.scheduler.turns import Turn
from agents.tools.calling import CallResult, PreparedCall, ToolCaller
from agents.tools.cutting import cut_text
from agents.tools.evidence import output_evidence, renumbered
from agents.tools.policy import RolePolicy
from agents.tools.ports import Tool, ToolBox, ToolContext, ToolSpec
from agents.tools.search import ToolSearch

MOST_OFFERED = 64
"""Tools that a model is told of; of more, those that are named and those that fit the question best."""

_ALL = "*"
_REPEATED = (
    "This very call was made {count} times before with the same result. It was not made again: use what it came to, "
    "call something else, or answer."
)
NOT_DECIDED = "nobody decided on it in time."
REJECTED = "a person rejected it"
_NOBODY = "it needs a person's approval, and nobody can be asked here. Ask for it in a conversation."
_MAYBE_MADE = (
    "The server stopped while this call was being made: it may already have been made. Look before you approve."
)
_NOT_AGAIN = (
    "The server stopped while this call was being made, and the person who was asked does not want it made again. "
    "It may have been made: do not rely on either."
)


@dataclass(kw_only=True)
class TurnTools:
    """The tools of one turn of an agent."""

    turn: Turn
    caller: ToolCaller
    box: ToolBox
    outputs_are_cited: bool = True
    guard: CallGuard = field(default_factory=CallGuard)

    @classmethod
    def of(cls, turn: Turn, *, code: bool = False, outputs_are_cited: bool = True) -> TurnTools | None:
        """The tools that the agent may be offered; None when there are none. `outputs_are_cited`: what they put out
        gets a number, as passages have one that they find."""
        context = turn.work.context
        box = context.toolbox
        if box is None:
            return None
        tools = dict(_chosen(turn, box))
        if code and context.code is not None:
            made = CodeTool(runner=context.code, keeper=box.keeper)
            tools[made.spec.name] = made
        if not tools:
            return None
        policy = box.policy
        if isinstance(policy, RolePolicy):
            policy = replace(policy, listed={*policy.listed, *tools})
        box = replace(box, tools=tools, policy=policy)
        return cls(turn=turn, caller=ToolCaller(box), box=box, outputs_are_cited=outputs_are_cited)

    @property
    def definitions(self) -> tuple[ToolDefinition, ...]:
        """What the model is told of them."""
        specs = [tool.spec for tool in self.box.tools.values()]
        return tuple(
            ToolDefinition(name=spec.name, description=spec.description, parameters=spec.parameters) for spec in specs
        )

    @property
    def from_others(self) -> bool:
        """Whether some of what the model is told of them was written by others."""
        return any(tool.spec.source != "builtin" for tool in self.box.tools.values())

    async def make(self, call: ToolCall) -> ToolResult:
        """What a call that a model asks for came to. Raises Parked when a person has to decide first."""
        key = self.turn.key("tool")
        told = _canonical(call.arguments)
        done = self.turn.work.journal.find(key)
        if done is None:
            done = await self._made(key, call, told)
        else:
            self.turn.work.evidence.add(decode_found(done))
            if done.get("repeated"):
                self.guard.repeated(call.name, told)
        if not done.get("repeated"):
            self.guard.note(call.name, told, done["text"])
        return self._result(call, done)

    async def _made(self, key: str, call: ToolCall, told: str) -> Mapping[str, Any]:
        work = self.turn.work
        repeated = self.guard.repeated(call.name, told)
        work.meter.begin_call()
        context = self._context(key)
        if repeated:
            text = _REPEATED.format(count=repeated)
            return await self._recorded(key, _refusal(context, call, text, "denied"), repeated=True)
        try:
            prepared = self.caller.prepare(call.name, call.arguments, context, influenced=self.turn.influenced)
        except ToolFailed as error:
            await self.caller.note_unusable(call.name, call.arguments, context)
            return await self._recorded(key, _refusal(context, call, str(error), "failed"))
        return await self._performed(key, prepared)

    async def _performed(self, key: str, prepared: PreparedCall) -> Mapping[str, Any]:
        if prepared.verdict == "deny":
            return await self._recorded(key, await self.caller.refuse(prepared, prepared.reason))
        decision: Decision | None = None
        if prepared.verdict in ("ask", "ask_twice"):
            if not self.turn.work.context.may_wait:
                return await self._recorded(key, await self.caller.refuse(prepared, _NOBODY))
            try:
                prepared, decision = await self._approved(key, prepared)
            except ToolFailed as error:
                # Edited arguments that do not meet the schema: the call as it was approved cannot be made.
                result = await self.caller.refuse(prepared, str(error))
                return await self._recorded(key, result)
            if decision.verdict != "approve":
                result = await self.caller.refuse(prepared, _refused(decision), decided_by=decision.decided_by)
                return await self._recorded(key, result)
        if prepared.spec.risk != "read":
            again = await self._intended(key, prepared)
            if again is not None and again.verdict != "approve":
                result = await self.caller.refuse(prepared, _NOT_AGAIN, decided_by=again.decided_by)
                return await self._recorded(key, result)
        else:
            self.turn.work.emit(prepared.event(self.turn.path))
        result = await self.caller.perform(
            prepared,
            decision="approved" if decision is not None else "allowed",
            decided_by=decision.decided_by if decision is not None else "",
        )
        return await self._recorded(key, result, prepared=prepared)

    async def _approved(self, key: str, prepared: PreparedCall) -> tuple[PreparedCall, Decision]:
        """The call as it was approved, edits and all, and the last decision on it. Raises Parked, ToolFailed."""
        rounds = (1, 2) if prepared.verdict == "ask_twice" else (1,)
        decision = Decision(verdict="reject")
        for number in rounds:
            question = self._question(key, prepared, prepared.reason, number)
            decision = await self._decided(question)
            if decision.verdict != "approve":
                break
            if decision.arguments is not None and dict(decision.arguments) != dict(prepared.shown):
                prepared = self._edited(prepared, decision.arguments)
        return prepared, decision

    def _edited(self, prepared: PreparedCall, arguments: Mapping[str, Any]) -> PreparedCall:
        """What was shown masked and left as it was is what it was."""
        unmasked = {
            name: prepared.arguments[name] if name in prepared.shown and prepared.shown[name] == value else value
            for name, value in arguments.items()
        }
        return self.caller.prepare(prepared.spec.name, unmasked, prepared.context, influenced=self.turn.influenced)

    async def _intended(self, key: str, prepared: PreparedCall) -> Decision | None:
        """Record that a call with effects is about to be made. When that is recorded already the call may have been
        made, and a person decides whether it is made (again)."""
        journal, event = self.turn.work.journal, prepared.event(self.turn.path)
        asked: Decision | None = None
        for number in range(1, 100):
            intent = f"{key}/intent.{number}"
            if journal.find(intent) is None:
                await journal.record(intent, {"fingerprint": prepared.fingerprint}, event)
                return asked
            if not self.turn.work.context.may_wait:
                return Decision(verdict="reject")
            question = self._question(f"{key}/again.{number}", prepared, _MAYBE_MADE, 1)
            asked = await self._decided(question)
            if asked.verdict != "approve":
                return asked
        return Decision(verdict="reject")

    async def _decided(self, question: Question) -> Decision:
        work = self.turn.work
        return await decided(work.journal, work.context.run_id, question, seconds=work.parts.approval_seconds)

    def _question(self, key: str, prepared: PreparedCall, reason: str, number: int) -> Question:
        return Question(
            key=key,
            reason=reason,
            fingerprint=prepared.fingerprint,
            tool=prepared.spec.name,
            arguments=prepared.shown,
            parameters=prepared.spec.parameters,
            risk=prepared.spec.risk,
            round=number,
            step_id=self.turn.path,
            reason_code=prepared.reason_code if reason == prepared.reason else "",
            titles=_titles(prepared.spec),
            source=prepared.spec.source,
        )

    async def _recorded(
        self, key: str, result: CallResult, *, repeated: bool = False, prepared: PreparedCall | None = None
    ) -> Mapping[str, Any]:
        """The entry of a call that came to something, with its evidence numbered."""
        evidence, output = self.turn.work.evidence, result.output
        found: tuple[Evidence, ...] = ()
        text = result.text
        if output is not None and output.evidence:
            output = renumbered(output, evidence.reserve(len(output.evidence)))
            found, share = output.evidence, self._share(result.tool)
            text = cut_text(output.text, share, is_kept=bool(result.artifact_id)).text
        elif output is not None and prepared is not None and self.outputs_are_cited:
            found = (self._put_out(prepared, result),)
        evidence.add(found)
        result = replace(result, text=text, output=output)
        entry: dict[str, Any] = {
            "status": result.status,
            "text": text,
            "found": encode_found(found),
            "spent": {"tool_calls": 1},
            "others": result.status in ("succeeded", "cut") or result.output is not None,
        }
        if repeated:
            entry["repeated"] = True
        number = found[0].number if found and found[0].call is not None else 0
        told: list[RunEvent] = [replace(result.event(self.turn.path), number=number)]
        if found and not number and prepared is not None:
            query = str(prepared.shown.get("query") or result.summary)
            told.append(Retrieved(query=query, language=self.turn.work.language, hits=(), passages=found))
        await self.turn.work.journal.record(key, entry, *told)
        return entry

    def _put_out(self, prepared: PreparedCall, result: CallResult) -> Evidence:
        return output_evidence(
            prepared.spec,
            prepared.shown,
            result.text,
            number=self.turn.work.evidence.reserve(1),
            call_id=result.call_id,
            audit_id=result.audit_id,
            made_at=datetime.now(UTC),
        )

    def _share(self, name: str) -> int:
        tool = self.box.tools.get(name)
        return tool.spec.max_output_chars if tool is not None else 16_000

    def _result(self, call: ToolCall, done: Mapping[str, Any]) -> ToolResult:
        """The result as the model reads it. What it comes to is of others from now on, and so is what follows."""
        failed = done["status"] in ("failed", "denied")
        if done["status"] != "denied":
            self.turn.influenced = True
        about = _about(decode_found(done))
        text = wrap_untrusted("tool-output", done["text"], self.turn.work.code, tool=call.name, **about)
        return ToolResult(call_id=call.id, content=text, is_error=failed)

    def _context(self, key: str) -> ToolContext:
        context = self.turn.work.context
        return ToolContext(
            call_id=hashlib.sha256(f"{context.run_id}\0{key}".encode()).hexdigest()[:32],
            scope=context.spec.scope,
            run_id=context.run_id,
            thread_id=context.thread_id,
            knowledge_bases=context.knowledge_bases,
        )


def _chosen(turn: Turn, box: ToolBox) -> Mapping[str, Tool]:
    """The tools of the box that the run and the agent both name, and that policy does not deny."""
    asked = turn.work.context.spec.tools
    names = set(turn.work.definition.tools if asked is None else asked)
    if turn.agent.tools is not None:
        own = set(turn.agent.tools)
        names = own if asked is None else (names if _ALL in own else own if _ALL in names else names & own)
    scope = turn.work.context.spec.scope
    found = {
        name: tool
        for name, tool in box.tools.items()
        if (name in names or _ALL in names)
        and not tool.spec.reason
        and box.policy.judge(tool.spec, scope, influenced=turn.influenced).verdict != "deny"
    }
    if len(found) <= MOST_OFFERED:
        return found
    best = ToolSearch().ranked(turn.work.context.question, [tool.spec for tool in found.values()])
    kept = dict.fromkeys([*(name for name in found if name in names), *(spec.name for spec in best), *found])
    return {name: found[name] for name in list(kept)[:MOST_OFFERED]}


def _about(found: Sequence[Evidence]) -> dict[str, str]:
    """What a model is told of an output that it may cite."""
    of_call = found[0] if found and found[0].call is not None else None
    if of_call is None or of_call.call is None:
        return {}
    call = of_call.call
    about = {"query": call.query, "time_range": call.time_range, "called_at": call.called_at}
    return {"number": str(of_call.number), **{name: value for name, value in about.items() if value}}


def _refusal(context: ToolContext, call: ToolCall, text: str, status: Any) -> CallResult:
    """A call that never came to be one."""
    return CallResult(call_id=context.call_id, tool=call.name[:100], status=status, text=text, summary=text[:200])


def _titles(spec: ToolSpec) -> dict[str, str]:
    titles = {"en": spec.title, "zh": spec.title_zh or spec.title}
    return {language: title for language, title in titles.items() if title}


def _refused(decision: Decision) -> str:
    if decision.verdict == "expired":
        return NOT_DECIDED
    return f"{REJECTED}{f': {decision.comment}' if decision.comment else '.'}"


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
