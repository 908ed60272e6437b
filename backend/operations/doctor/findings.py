"""What the doctor says of one thing, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "missing", "warning", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing looked at. `missing` is optional and not there; `failed` keeps the product from working; `advice` is
    what to do about it, empty when there is nothing to do."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def render(findings: Sequence[Finding]) -> str:
    """The findings for a terminal, advice below what it is about."""
    marks = {"ok": "ok     ", "missing": "missing", "warning": "WARNING", "failed": "FAILED "}
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{marks[finding.status]}  {finding.name:<{width}}  {finding.detail}")
        if finding.advice:
            lines.append(f"{'':<9}{'':<{width}}  → {finding.advice}")
    failed = sum(finding.status == "failed" for finding in findings)
    lines += ["", "Everything needed is there." if not failed else f"{failed} of these must be put right first."]
    return "\n".join(lines)


def render_json(findings: Sequence[Finding]) -> str:
    """The findings as one JSON object: {"ok": …, "findings": [{"name", "status", "detail", "advice"}]}."""
    ok = all(finding.status != "failed" for finding in findings)
    return json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2)
