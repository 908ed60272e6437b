"""What tools find and put out, under numbers that an answer can cite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agents.evidence import CalledTool, Evidence
from agents.tools.ports import ToolOutput, ToolSpec

_FROM = ("start", "starts", "since", "from", "since_seconds", "start_time")
_TO = ("end", "ends", "until", "to", "end_time")
_AT = ("time_range", "range", "time", "at")
_QUERIES = ("query", "expression", "expr", "statement", "sql", "selector", "command", "code")
_LONGEST_QUERY = 300


def output_evidence(
    spec: ToolSpec, shown: Mapping[str, Any], text: str, *, number: int, call_id: str, audit_id: str, made_at: datetime
) -> Evidence:
    """What a call put out as a passage: `text` is what the model was given of it, `shown` the arguments without their
    secrets. Times that were not asked for are those that the tool takes then."""
    properties = spec.parameters.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    defaults = {
        name: schema["default"]
        for name, schema in known.items()
        if name in (*_FROM, *_TO, *_AT) and isinstance(schema, Mapping) and "default" in schema
    }
    called = CalledTool(
        call_id=call_id,
        audit_id=audit_id,
        tool=spec.name,
        source=spec.source,
        query=_query(shown),
        time_range=_time_range({**defaults, **shown}),
        called_at=made_at.isoformat(timespec="seconds"),
    )
    return Evidence(
        number=number,
        document_id="",
        knowledge_base_id="",
        path=f"{spec.name}.txt",
        title=spec.title or spec.name,
        url="",
        heading_path=tuple(filter(None, (called.query, called.time_range, called.called_at))),
        anchor="",
        text=text,
        start=0,
        end=len(text),
        score=1.0,
        call=called,
    )


def _query(shown: Mapping[str, Any]) -> str:
    """What was asked for in a line: the query where there is one, otherwise the arguments that are no times."""
    asked = next((str(shown[name]) for name in _QUERIES if shown.get(name) not in (None, "")), "")
    if not asked:
        others = {name: value for name, value in shown.items() if name not in (*_FROM, *_TO, *_AT)}
        asked = " ".join(f"{name}={_value(value)}" for name, value in others.items())
    return " ".join(asked[: 2 * _LONGEST_QUERY].split())[:_LONGEST_QUERY]


def _time_range(shown: Mapping[str, Any]) -> str:
    begin, end, at = (
        next((str(shown[name])[:60] for name in names if shown.get(name) not in (None, "")), "")
        for names in (_FROM, _TO, _AT)
    )
    return f"{begin} – {end}" if begin or end else at


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def evidence_text(evidence: Sequence[Evidence], note: str = "") -> str:
    """The passages for a model, each under its number, with what opens it again; then the note."""
    told = [_told(each) for each in evidence]
    return "\n\n".join([*told, note] if note else told)


def renumbered(output: ToolOutput, first: int) -> ToolOutput:
    """The output with its evidence numbered from `first` on, in its text, too, where that is what `evidence_text` made
    of it; another text is followed by the numbers under which it can be cited."""
    if not output.evidence:
        return output
    evidence = tuple(replace(each, number=first + index) for index, each in enumerate(output.evidence))
    before = evidence_text(output.evidence)
    if output.text.startswith(before):
        text = evidence_text(evidence) + output.text[len(before) :]
    else:
        text = f"{output.text}\n\nTo be cited as: " + "; ".join(f"[{each.number}] {_place(each)}" for each in evidence)
    return replace(output, text=text, evidence=evidence)


def _told(evidence: Evidence) -> str:
    where = f"document_id={evidence.document_id} start={evidence.start} end={evidence.end}"
    return f"[{evidence.number}] {_place(evidence)} ({where})\n{evidence.text}"


def _place(evidence: Evidence) -> str:
    return " › ".join((evidence.title or evidence.path, *evidence.heading_path)).replace("\n", " ")[:300]
