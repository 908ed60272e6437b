"""Which tools of a source are on: reads by themselves, the rest when somebody has switched on exactly what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["on", "off", "changed"]


def fingerprint(record: Mapping[str, Any]) -> str:
    """Of everything that a caller is told of a tool, and of what it sends. What it answers is checked at each call."""
    record = {name: value for name, value in record.items() if name != "answer"}
    text = json.dumps(record, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What was decided for the tools of a source."""

    on: Mapping[str, str]
    off: frozenset[str]
    risks: Mapping[str, str]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Choices:
        return cls(on=options.get("on", {}), off=frozenset(options.get("off", ())), risks=options.get("risks", {}))

    def state(self, record: Mapping[str, Any]) -> State:
        """`changed`: it was switched on, and is not what it was then."""
        name = record["name"]
        if name in self.off:
            return "off"
        if name in self.on:
            return "on" if self.on[name] == fingerprint(record) else "changed"
        return "on" if record.get("on") else "off"

    def risk(self, record: Mapping[str, Any]) -> str:
        """What people said of it, otherwise what it says of itself."""
        return self.risks.get(record["name"], str(record.get("risk", "unknown")))

    def with_decision(self, record: Mapping[str, Any], on: bool | None, risk: str | None) -> Choices:
        """With what was decided for one tool."""
        name = record["name"]
        kept, off, risks = dict(self.on), set(self.off), dict(self.risks)
        if on is not None:
            kept.pop(name, None)
            off.discard(name)
            if on:
                kept[name] = fingerprint(record)
            else:
                off.add(name)
        if risk is not None:
            risks[name] = risk
        return Choices(on=kept, off=frozenset(off), risks=risks)

    def as_options(self) -> dict[str, Any]:
        return {"on": dict(self.on), "off": sorted(self.off), "risks": dict(self.risks)}
