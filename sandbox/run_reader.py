"""Events of a run, made of what the agent says of it."""

from __future__ import annotations

import codecs
import secrets
from typing import Any

from sandbox.artifacts import media_type_of, shown
from sandbox.types import Artifact, CodeEvent, CompilationFinished, Dropped, Finished, Output


class RunReader:
    """Makes events of what the agent says of one run; what does not carry its nonce is not of it."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: decoder(errors="replace") for name in ("stdout", "stderr")}

    def read(self, head: dict[str, Any], payload: bytes) -> list[CodeEvent]:
        """The events of one frame. Raises KeyError and the like for a frame that is none."""
        if not secrets.compare_digest(str(head.get("nonce", "")), self._nonce):
            return []
        kind = head["ev"]
        if kind == "output":
            return self._output(head, payload)
        if kind == "shown":
            event = shown(payload)
            return [] if event is None else [event]
        if kind == "phase":
            return [CompilationFinished(phase=head["phase"], exit_code=head["exit_code"])]
        return [*self._rest(head), _finished(head)] if kind == "finished" else []

    def _output(self, head: dict[str, Any], payload: bytes) -> list[CodeEvent]:
        stream = head["stream"]
        text = self._decoders[stream].decode(payload)
        if "dropped" in head:
            text = f"\n… {head['dropped']:,} bytes left out …\n{text}"
        return [Output(stream=stream, text=text, phase=head["phase"])] if text else []

    def _rest(self, head: dict[str, Any]) -> list[CodeEvent]:
        rest = [(name, decoder.decode(b"", final=True)) for name, decoder in self._decoders.items()]
        return [Output(stream=name, text=text) for name, text in rest if text]  # type: ignore[arg-type]


def _finished(head: dict[str, Any]) -> Finished:
    dropped = head["dropped"]
    return Finished(
        reason=head["reason"],
        exit_code=head["exit_code"],
        signal=head["signal"],
        detail=head["detail"],
        duration_ms=head["duration_ms"],
        dropped=Dropped(stdout=dropped["stdout"], stderr=dropped["stderr"]),
        artifacts=tuple(
            Artifact(path=path, media_type=media_type_of(path), size=size) for path, size in head["artifacts"]
        ),
        skipped=tuple(head["skipped"]),
        state=head["state"],
    )
