"""The one way of making a call, for the scheduler, for programs and for people: judged first, then performed.

    prepared = caller.prepare(name, arguments, context, influenced=True)
    if prepared.verdict == "allow": result = await caller.perform(prepared)
    elif prepared.verdict == "deny": result = await caller.refuse(prepared, prepared.reason)
    else: ask a person for exactly `prepared.shown`, then perform or refuse

Whoever asks keeps `prepared.fingerprint`: what is performed after an approval must have the same.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
import logging
import time
import traceback
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from agents.errors import AgentError, CallRefused, NoSuchTool, ToolFailed
from agents.events import ToolCalled, ToolFinished
from agents.tools.arguments import checked_arguments, parse_arguments
from agents.tools.cutting import cut_text
from agents.tools.evidence import renumbered
from agents.tools.ports import Permission, Tool, ToolBox, ToolContext, ToolOutput, ToolSpec
from agents.tools.secrets_masked import masked
from knowledge.errors import KnowledgeError
from knowledge.text.storable import storable, storable_json

Status = Literal["succeeded", "failed", "denied", "cut"]
LONGEST_OUTPUT = 20_000_000
LONGEST_DATA = 1_000_000
"""Characters of an output that are kept, and of its data as JSON that people are shown."""
LONGEST_ERROR = 4_000
_PATIENCE_S = 1.0
"""How long a tool that was told to stop is waited for."""

Row = TypeVar("Row")
_under_way: set[asyncio.Task[Any]] = set()
"""Rows being written: the loop itself holds tasks only weakly."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedCall:
    """A call whose arguments meet the tool's schema, judged, and not made yet. `shown` are the arguments with secrets
    masked; `fingerprint` is of the tool and the exact arguments."""

    tool: Tool
    spec: ToolSpec
    arguments: Mapping[str, Any]
    shown: Mapping[str, Any]
    context: ToolContext
    verdict: Permission
    reason: str
    fingerprint: str
    reason_code: str = ""

    def event(self, step_id: str = "") -> ToolCalled:
        """What a run tells of it when it is being made."""
        arguments = dict(self.shown)
        return ToolCalled(
            id=self.context.call_id, tool=self.spec.name, arguments=arguments, risk=self.spec.risk, step_id=step_id
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """What became of a call. `text` is for the model and within its share; untrusted, as all of `output` is.

    `cut`: it succeeded, and `text` is not the whole output, which is the artifact `artifact_id` where one was kept.
    """

    call_id: str
    tool: str
    status: Status
    text: str
    summary: str
    output: ToolOutput | None = None
    artifact_id: str = ""
    audit_id: str = ""
    duration_ms: float = 0.0
    reason_code: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    """Why the tool refused it, as a stable word and by language, where it says so."""

    @property
    def is_error(self) -> bool:
        """Whether the call came to nothing."""
        return self.status in ("failed", "denied")

    def event(self, step_id: str = "") -> ToolFinished:
        """What a run tells of it."""
        output = self.output
        return ToolFinished(
            id=self.call_id,
            tool=self.tool,
            status=self.status,
            summary=self.summary,
            output=self.text,
            view=output.view if output else "text",
            data=output.data if output else None,
            artifact_id=self.artifact_id,
            duration_ms=self.duration_ms,
            step_id=step_id,
            reason_code=self.reason_code,
            words=dict(self.words),
        )


class ToolCaller:
    """Makes calls of the tools of one box. Holds no state between calls; any number may be under way."""

    def __init__(self, box: ToolBox) -> None:
        self._box = box

    def prepare(
        self, name: str, arguments: str | Mapping[str, Any], context: ToolContext, *, influenced: bool
    ) -> PreparedCall:
        """The call as it would be made, judged. `arguments` is an object, or its JSON as a model wrote it.

        Raises ToolFailed for a tool that is not there or cannot be called now, and for arguments that do not meet its
        schema: its text is for whoever called to learn from.
        """
        tool = self._box.tools.get(name)
        if tool is None:
            raise NoSuchTool(self._unknown(name))
        spec = tool.spec
        if spec.reason:
            raise ToolFailed(f"{name} cannot be called now: {spec.reason}")
        checked = checked_arguments(spec, arguments)
        judgement = self._box.policy.judge(spec, context.scope, influenced=influenced)
        return PreparedCall(
            tool=tool,
            spec=spec,
            arguments=checked,
            shown=masked(spec.parameters, checked),
            context=context,
            verdict=judgement.verdict,
            reason=judgement.reason,
            fingerprint=fingerprint(spec, checked),
            reason_code=judgement.code,
        )

    async def refuse(self, prepared: PreparedCall, reason: str, *, decided_by: str = "") -> CallResult:
        """Note that the call is not made, and say so."""
        spec, context = prepared.spec, prepared.context
        text = f"{spec.name} was not called: {reason or 'it is not allowed.'}"
        audit_id = await self._box.audit.begin(
            spec, prepared.shown, context, decision="denied", decided_by=decided_by or "policy"
        )
        await self._box.audit.end(audit_id, status="denied", output="", duration_ms=0.0)
        return CallResult(
            call_id=context.call_id,
            tool=spec.name,
            status="denied",
            text=text,
            summary=_line(reason or "not allowed"),
            audit_id=audit_id,
        )

    async def note_unusable(self, name: str, arguments: str | Mapping[str, Any], context: ToolContext) -> None:
        """Note a call that `prepare` refused: of a tool that cannot be called now, or with arguments that cannot be
        used. Arguments that the tool does not have are not kept: nothing tells which of them are secret."""
        tool = self._box.tools.get(name)
        if tool is None:
            return
        spec = tool.spec
        known = spec.parameters.get("properties") or {}
        try:
            given = {key: value for key, value in parse_arguments(spec, arguments).items() if key in known}
        except ToolFailed:
            given = {}
        shown = storable_json(masked(spec.parameters, given)) if _is_showable(given) else {}
        why = "unavailable" if spec.reason else "arguments"
        audit_id = await self._box.audit.begin(spec, shown, context, decision="denied", decided_by=why)
        await self._box.audit.end(audit_id, status="denied", output="", duration_ms=0.0)

    async def perform(
        self,
        prepared: PreparedCall,
        *,
        decision: str = "allowed",
        decided_by: str = "",
        max_chars: int | None = None,
        first_number: int = 1,
    ) -> CallResult:
        """Make the call: its row stands before it begins and is ended whatever happens. `max_chars` is the share of
        the output that the model is given, if less than the tool's own; its evidence is numbered from `first_number`.

        What goes wrong with the tool is a result, not an error. Cancelling ends the call within about a second.
        """
        spec = prepared.spec
        if prepared.verdict == "deny":
            return await self.refuse(prepared, prepared.reason)
        audit_id = await self._begin(prepared, decision, decided_by or "policy")
        begun = time.perf_counter()
        try:
            output = await _within(spec.timeout_s, prepared)
        except asyncio.CancelledError:
            await self._end(audit_id, "cancelled", "", begun)
            raise
        except ToolFailed as error:
            status: Literal["denied", "failed"] = "denied" if isinstance(error, CallRefused) else "failed"
            text = cut_text(storable(str(error)), LONGEST_ERROR).text
            await self._end(audit_id, status, text, begun)
            return _with_reason(self._result(prepared, status, text, _line(text), audit_id, begun), error)
        await self._end(audit_id, "succeeded", output.text, begun)
        return await self._succeeded(prepared, renumbered(output, first_number), audit_id, begun, max_chars)

    async def _succeeded(
        self, prepared: PreparedCall, output: ToolOutput, audit_id: str, begun: float, max_chars: int | None
    ) -> CallResult:
        spec = prepared.spec
        share = spec.max_output_chars if max_chars is None else min(max_chars, spec.max_output_chars)
        summary = _line(output.summary or output.text)
        if len(output.text) <= share:
            return self._result(prepared, "succeeded", output.text, summary, audit_id, begun, output)
        artifact_id = await self._kept(prepared, output.text)
        text = cut_text(output.text, share, is_kept=bool(artifact_id)).text
        return self._result(prepared, "cut", text, summary, audit_id, begun, output, artifact_id)

    async def _kept(self, prepared: PreparedCall, text: str) -> str:
        """The id of the whole output; empty where it cannot be kept, which must not lose what the call came to."""
        if self._box.keeper is None:
            return ""
        try:
            return await self._box.keeper.keep(text, name=f"{prepared.spec.name}.txt", context=prepared.context)
        except Exception as error:  # the call was made: what it came to is worth more than the copy
            _log.warning("the output of %s was not kept: %s", prepared.spec.name, type(error).__name__)
            return ""

    async def _begin(self, prepared: PreparedCall, decision: str, decided_by: str) -> str:
        """The row of the call. Cancelled meanwhile, the call is not made, and its row says so."""
        audit, shown = self._box.audit, prepared.shown
        row = _to_its_end(audit.begin(prepared.spec, shown, prepared.context, decision=decision, decided_by=decided_by))
        try:
            return await asyncio.shield(row)
        except asyncio.CancelledError:
            _to_its_end(self._unmade(row))
            raise

    async def _unmade(self, row: asyncio.Task[str]) -> None:
        await self._ended(await row, "cancelled", "", time.perf_counter())

    async def _end(self, audit_id: str, status: str, output: str, begun: float) -> None:
        """Record the end, also when whoever made the call is cancelled meanwhile."""
        await asyncio.shield(_to_its_end(self._ended(audit_id, status, output, begun)))

    async def _ended(self, audit_id: str, status: str, output: str, begun: float) -> None:
        try:
            await self._box.audit.end(audit_id, status=status, output=output, duration_ms=_since(begun))
        except Exception as error:  # its row stays without an end, and the call is known to have been made
            _log.warning("the end of a call was not recorded: %s", type(error).__name__)

    def _result(
        self,
        prepared: PreparedCall,
        status: Status,
        text: str,
        summary: str,
        audit_id: str,
        begun: float,
        output: ToolOutput | None = None,
        artifact_id: str = "",
    ) -> CallResult:
        return CallResult(
            call_id=prepared.context.call_id,
            tool=prepared.spec.name,
            status=status,
            text=text,
            summary=summary,
            output=output,
            artifact_id=artifact_id,
            audit_id=audit_id,
            duration_ms=_since(begun),
        )

    def _unknown(self, name: str) -> str:
        names = sorted(self._box.tools)
        near = difflib.get_close_matches(name[:80], names[:2000], n=3)
        known = f"Did you mean {' or '.join(near)}?" if near else f"There is {', '.join(names[:40]) or 'none'}."
        return f"No tool named {name[:80]!r} may be called here. {known}"


def _with_reason(result: CallResult, error: ToolFailed) -> CallResult:
    """The result of a call that its tool refused, with what it says of that."""
    if not isinstance(error, CallRefused):
        return result
    return replace(result, reason_code=error.reason_code, words=storable_json(dict(error.words)))


def fingerprint(spec: ToolSpec, arguments: Mapping[str, Any]) -> str:
    """Tells a call from every other: of the tool's name, source and risk, and of the exact arguments."""
    text = json.dumps([spec.name, spec.source, spec.risk, arguments], sort_keys=True, ensure_ascii=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


async def _within(seconds: float, prepared: PreparedCall) -> ToolOutput:
    """The output of the call. Raises ToolFailed; a tool that does not heed being stopped is left behind."""
    call = asyncio.ensure_future(_called(prepared))
    try:
        done, _ = await asyncio.wait({call}, timeout=seconds)
        if done:
            return call.result()
        raise ToolFailed(
            f"{prepared.spec.name} was stopped: it took longer than the {seconds:g} seconds that it may take. Ask for "
            "less at once."
        )
    finally:
        if not call.done():
            call.cancel()
            call.add_done_callback(_forget)
            await asyncio.wait({call}, timeout=_PATIENCE_S)


def _to_its_end(work: Coroutine[Any, Any, Row]) -> asyncio.Task[Row]:
    """The work as a task that goes on to its end, whoever waits for it."""
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return task


def _forget(call: asyncio.Future[ToolOutput]) -> None:
    if not call.cancelled():
        call.exception()


async def _called(prepared: PreparedCall) -> ToolOutput:
    name = prepared.spec.name
    try:
        return _storable(await prepared.tool.call(prepared.arguments, prepared.context))
    except ToolFailed:
        raise
    except (AgentError, KnowledgeError) as error:
        raise ToolFailed(f"{name} failed: {error}") from None
    except Exception as error:  # a tool's edge; what it says may hold secrets, so its kind alone is told and logged
        where = "".join(traceback.format_tb(error.__traceback__)[-6:])
        _log.error("tool %s broke off with %s\n%s", name, type(error).__name__, where)
        raise ToolFailed(
            f"{name} broke off with an error of its own ({type(error).__name__}). Nothing is wrong with the arguments "
            "as such; the server's log says where it happened."
        ) from None


def _storable(output: ToolOutput) -> ToolOutput:
    """The output as it can be stored and sent; data that is too much is left out, and the text shown in its place."""
    text = storable(output.text)
    if len(text) > LONGEST_OUTPUT:
        text = cut_text(text, LONGEST_OUTPUT).text
    data, view = output.data, output.view
    if data is not None and not _is_showable(data):
        data, view = None, "text"
    return ToolOutput(
        text=text,
        summary=storable(output.summary),
        view=view,
        data=storable_json(data),
        evidence=output.evidence,
        artifacts=output.artifacts,
    )


def _is_showable(data: Any) -> bool:
    try:
        return len(json.dumps(data, allow_nan=False)) <= LONGEST_DATA
    except (TypeError, ValueError, RecursionError):
        return False


def _line(text: str) -> str:
    """The first line with anything in it, for people."""
    line = next((line.strip() for line in text[:2000].splitlines() if line.strip()), "")
    return line if len(line) <= 200 else line[:199] + "…"


def _since(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 3)
