"""The trace of a run: what its agents did, one entry for each step, tool call, plan, thought and decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

EntryKind = Literal["agent", "step", "plan", "thought", "tool", "approval", "budget"]
EntryStatus = Literal["running", "waiting", "done", "failed", "denied", "interrupted"]

TOOL_STATUS: dict[str, EntryStatus] = {"succeeded": "done", "cut": "done", "failed": "failed", "denied": "denied"}


@dataclass(kw_only=True, slots=True)
class Entry:
    """One row of the timeline. `id` is unique among those of its kind; `parent` the step that it is part of. `data` are
    the fields of the event that it began with and of those that came for it later."""

    kind: EntryKind
    id: str
    parent: str = ""
    title: str = ""
    detail: str = ""
    status: EntryStatus = "done"
    duration_ms: float | None = None
    attempt: int = 1
    version: int = 0
    """Grows with every change, so that a drawing knows what to draw again."""
    data: dict[str, Any] = field(default_factory=dict)

    def change(self, **values: Any) -> None:
        """Set fields."""
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1


@dataclass(kw_only=True, slots=True)
class Approval:
    """What a person is asked: to decide on a call, or to answer a question when `tool` is empty."""

    id: str
    tool: str
    reason: str
    arguments: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    risk: str = "write"
    round: int = 1
    expires_at: str = ""
    decision: str = ""
    comment: str = ""
    decided_by: str = ""
    reason_code: str = ""
    titles: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def options(self) -> list[str]:
        """The answers that a question offers."""
        given = self.parameters.get("enum")
        return [str(each) for each in given] if isinstance(given, list) else []


@dataclass(kw_only=True, slots=True)
class Trace:
    """Entries in the order in which they began, and the approvals by id. An attempt is the same program over the same
    record: what is told again by a later one updates what is there."""

    entries: list[Entry] = field(default_factory=list)
    approvals: dict[str, Approval] = field(default_factory=dict)
    attempt: int = 1

    @property
    def simple(self) -> bool:
        """Whether nothing but plain steps was done: no agents, tools, plans or decisions."""
        return all(entry.kind == "step" for entry in self.entries)

    @property
    def pending(self) -> list[Approval]:
        """What waits for a person, the oldest first."""
        return [each for each in self.approvals.values() if not each.decision]

    @property
    def tool_calls(self) -> int:
        return sum(entry.kind == "tool" for entry in self.entries)

    @property
    def running(self) -> Entry | None:
        """The innermost entry under way."""
        return next((entry for entry in reversed(self.entries) if entry.status == "running"), None)

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Takes in one event; kinds that are not part of a trace change nothing."""
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(data)

    def end(self) -> None:
        """The attempt is over: what is still under way will not be finished by it."""
        for entry in self.entries:
            if entry.status == "running":
                entry.change(status="interrupted")

    def _on_run_started(self, data: dict[str, Any]) -> None:
        self.end()
        self.attempt = _whole(data.get("attempt"), 1)
        # Plain steps have no name of their own from one attempt to the next, and are told again.
        self.entries = [entry for entry in self.entries if entry.kind != "step" or entry.parent]

    def _on_run_waiting(self, data: dict[str, Any]) -> None:
        for entry in self.entries:
            if entry.status == "running":
                entry.change(status="waiting")

    def _on_run_finished(self, data: dict[str, Any]) -> None:
        self.end()

    def _on_run_failed(self, data: dict[str, Any]) -> None:
        self.end()

    def _on_run_cancelled(self, data: dict[str, Any]) -> None:
        self.end()
        for approval in self.pending:
            approval.decision = "cancelled"
            self._mark_decided(approval)

    def _on_step_started(self, data: dict[str, Any]) -> None:
        self._begin("step", _text(data, "step_id") or _text(data, "step"), data, title=_text(data, "step"))

    def _on_step_finished(self, data: dict[str, Any]) -> None:
        self._finish("step", _text(data, "step_id") or _text(data, "step"), data, "done")

    def _on_agent_started(self, data: dict[str, Any]) -> None:
        self._begin("agent", _text(data, "step_id"), data, title=_text(data, "title") or _text(data, "agent"))

    def _on_agent_finished(self, data: dict[str, Any]) -> None:
        self._finish("agent", _text(data, "step_id"), data, "done")

    def _on_plan_updated(self, data: dict[str, Any]) -> None:
        entry = self._find("plan", "plan")
        if entry is None:
            self._begin("plan", "plan", {**data, "parent_id": data.get("step_id", "")}, status="done")
        else:
            entry.change(data=data)

    def _on_thought(self, data: dict[str, Any]) -> None:
        said, step = _text(data, "text"), _text(data, "step_id")
        last = self.entries[-1] if self.entries else None
        if last is not None and last.kind == "thought" and last.parent == step and last.attempt == self.attempt:
            last.change(data={**last.data, "text": f"{last.data.get('text', '')}{said}"})
            return
        told = next((each for each in self.entries if each.kind == "thought" and each.data.get("text") == said), None)
        if told is None or told.attempt == self.attempt:
            self._begin("thought", f"thought-{len(self.entries)}", {**data, "parent_id": step}, status="done")

    def _on_tool_called(self, data: dict[str, Any]) -> None:
        self._begin(
            "tool", _text(data, "id"), {**data, "parent_id": data.get("step_id", "")}, title=_text(data, "tool")
        )

    def _on_tool_finished(self, data: dict[str, Any]) -> None:
        name = _text(data, "id")
        if self._find("tool", name) is None:  # a call that was denied before it was made
            self._on_tool_called(data)
        self._finish("tool", name, data, TOOL_STATUS.get(_text(data, "status"), "failed"))

    def _on_retrieved(self, data: dict[str, Any]) -> None:
        """What a tool found belongs to its call; what was retrieved beforehand is told by the answer itself."""
        last = self.entries[-1] if self.entries else None
        if last is not None and last.kind == "tool" and isinstance(data.get("passages"), list):
            last.change(data={**last.data, "evidence": data["passages"]})

    def _on_approval_requested(self, data: dict[str, Any]) -> None:
        approval = Approval(
            id=_text(data, "approval_id"),
            tool=_text(data, "tool"),
            reason=_text(data, "reason"),
            arguments=_object(data.get("arguments")),
            parameters=_object(data.get("parameters")),
            risk=_text(data, "risk") or "write",
            round=_whole(data.get("round"), 1),
            expires_at=_text(data, "expires_at"),
            reason_code=_text(data, "reason_code"),
            titles=_object(data.get("titles")),
            source=_text(data, "source"),
        )
        known = self.approvals.get(approval.id)
        if known is not None and known.decision:
            return
        self.approvals[approval.id] = approval
        parented = {**data, "parent_id": data.get("step_id", "")}
        self._begin("approval", approval.id, parented, title=approval.tool, status="waiting")

    def _on_approval_decided(self, data: dict[str, Any]) -> None:
        approval = self.approvals.get(_text(data, "approval_id"))
        if approval is None:
            return
        approval.decision = _text(data, "decision")
        approval.comment, approval.decided_by = _text(data, "comment"), _text(data, "decided_by")
        approval.arguments = _object(data.get("arguments")) or approval.arguments
        self._mark_decided(approval)

    def _on_budget_exceeded(self, data: dict[str, Any]) -> None:
        if not any(each.kind == "budget" and each.data == data for each in self.entries):
            self._begin("budget", f"budget-{len(self.entries)}", data, title=_text(data, "limit"), status="failed")

    def _mark_decided(self, approval: Approval) -> None:
        entry = self._find("approval", approval.id)
        if entry is not None:
            entry.change(status="done" if approval.decision == "approve" else "denied")

    def _begin(
        self, kind: EntryKind, name: str, data: dict[str, Any], *, title: str = "", status: EntryStatus = "running"
    ) -> None:
        values: dict[str, Any] = {
            "parent": _text(data, "parent_id"),
            "title": title,
            "detail": _text(data, "detail"),
            "status": status,
            "attempt": self.attempt,
        }
        known = self._find(kind, name)
        again = known is not None and (known.attempt < self.attempt or kind in ("tool", "approval"))
        if known is None or not again:
            self.entries.append(Entry(kind=kind, id=name, data=data, **values))
        elif known.status in ("done", "failed", "denied") and kind == "tool":
            known.change(attempt=self.attempt)  # made by an earlier attempt, and only told again
        else:
            known.change(data={**known.data, **data}, **values)

    def _finish(self, kind: EntryKind, name: str, data: dict[str, Any], status: EntryStatus) -> None:
        entry = self._find(kind, name)
        if entry is None:
            return
        taken = data.get("duration_ms")
        entry.change(
            status=status,
            duration_ms=float(taken) if isinstance(taken, int | float) and not isinstance(taken, bool) else None,
            detail=_text(data, "detail") or entry.detail,
            data={**entry.data, **{name: value for name, value in data.items() if name != "parent_id"}},
        )

    def _find(self, kind: EntryKind, name: str) -> Entry | None:
        return next((each for each in reversed(self.entries) if each.kind == kind and each.id == name), None)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
