"""The registry of the kinds of agents: each acts as a file of its own says, and is one line here."""

from __future__ import annotations

from agents.scheduler import answer, checker, executor, group, human, parallel, planner, react, selector, single
from agents.scheduler.turns import Act

KINDS: dict[str, Act] = {
    "single": single.act,
    "answer": answer.act,
    "react": react.act,
    "planner": planner.act,
    "executor": executor.act,
    "selector": selector.act,
    "checker": checker.act,
    "group": group.act,
    "parallel": parallel.act,
    "human": human.act,
}
