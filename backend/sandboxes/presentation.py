"""Runs of the sandbox for the border: whole, or event by event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from backend.schemas import SandboxArtifactView, SandboxOutputView, SandboxPhaseView, SandboxRunView
from sandbox.types import CodeEvent, CompilationFinished, Finished, Output, Shown


def run_view(events: Sequence[CodeEvent]) -> SandboxRunView:
    """A run as one answer."""
    end = next(each for each in reversed(events) if isinstance(each, Finished))
    shown = [each for each in events if isinstance(each, Shown)]
    results = [each for each in shown if each.is_result and "text/plain" in each.data]
    return SandboxRunView(
        status=end.reason,
        stdout=_text(events, "stdout"),
        stderr=_text(events, "stderr"),
        result=str(results[-1].data["text/plain"]) if results else None,
        exit_code=end.exit_code,
        signal=end.signal,
        detail=end.detail,
        artifacts=[SandboxArtifactView.model_validate(each) for each in end.artifacts],
        skipped=list(end.skipped),
        outputs=[SandboxOutputView(data=dict(each.data), is_result=each.is_result, path=each.path) for each in shown],
        phases=[SandboxPhaseView.model_validate(each) for each in events if isinstance(each, CompilationFinished)],
        dropped=asdict(end.dropped),
        truncated=bool(end.dropped.stdout or end.dropped.stderr),
        state=end.state,
        duration_ms=end.duration_ms,
    )


def wire_events(event: CodeEvent) -> list[tuple[str, dict[str, Any]]]:
    """What is sent of an event: kinds and data. Before the end stand the files that the run made."""
    if isinstance(event, Output):
        return [(event.stream, {"text": event.text, "phase": event.phase})]
    if isinstance(event, CompilationFinished):
        return [("phase", asdict(event))]
    if isinstance(event, Shown):
        return [("result" if event.is_result else "display", {"data": dict(event.data), "path": event.path})]
    end = run_view([event]).model_dump(mode="json", exclude={"stdout", "stderr", "result", "outputs", "phases"})
    return [*(("artifact", asdict(each)) for each in event.artifacts), ("finished", end)]


def _text(events: Sequence[CodeEvent], stream: str) -> str:
    return "".join(each.text for each in events if isinstance(each, Output) and each.stream == stream)
