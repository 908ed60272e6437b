"""An agent that works a plan off, step by step, and asks for a new plan when a step fails."""

from __future__ import annotations

from agents.messages.parts import Message
from agents.messages.trust import wrap_untrusted
from agents.phases.definition import ExecutorAgent, PlannerAgent
from agents.scheduler.briefing import briefing
from agents.scheduler.performance import TurnResult
from agents.scheduler.planner import as_text, marked, show
from agents.scheduler.react import think
from agents.scheduler.turns import Task, Turn, take

_FAILED = "FAILED:"
_TEXTS = {
    "en": {
        "plan": "The plan, between the markers with the code {code}:",
        "results": "What came of the steps before:",
        "step": "Your step now is {id}. {text}",
        "failed": "Step {id} of the plan failed. Write a new plan for what is left to do; steps that are done stay "
        "done and are not repeated.",
    },
    "zh": {
        "plan": "计划如下，位于带有代码 {code} 的标记之间：",
        "results": "前面步骤的结果：",
        "step": "现在执行第 {id} 步：{text}",
        "failed": "计划的第 {id} 步失败了。请为剩余的工作写一份新计划；已完成的步骤保持完成，不要重复。",
    },
}


async def act(turn: Turn) -> TurnResult:
    """The turn of an executor: `done` when every step of the plan is, `failed` when no new plan helps either."""
    agent = turn.agent
    assert isinstance(agent, ExecutorAgent)
    board = turn.work.board
    results: list[tuple[str, str]] = []
    while (at := _next(turn)) is not None:
        step = board.plan[at]
        show(turn, marked(board.plan, at, "running"))
        text = await think(turn, _messages(turn, step.id, step.text, results), code=agent.code)
        results.append((step.id, text))
        reason = _failure(text)
        show(turn, marked(board.plan, at, "done" if reason is None else "failed"))
        if reason is not None and not await _planned_anew(turn, agent, step.id, reason):
            return TurnResult(text=_joined(results), result="failed", detail=reason, said=turn.speaks)
    return TurnResult(text=_joined(results), result="done", said=turn.speaks)


def _next(turn: Turn) -> int | None:
    """The step whose turn it is."""
    for index, step in enumerate(turn.work.board.plan):
        if step.status in ("pending", "running"):
            return index
    return None


async def _planned_anew(turn: Turn, agent: ExecutorAgent, failed: str, reason: str) -> bool:
    """Ask the planner for a new plan; whether it may be asked once more."""
    board = turn.work.board
    plans = turn.work.definition.agents[agent.planner]
    if not isinstance(plans, PlannerAgent) or board.replans >= plans.max_replans:
        return False
    board.replans += 1
    texts = _TEXTS["zh" if turn.work.language == "zh" else "en"]
    task = Task(parts=(
        texts["plan"].format(code=turn.work.code),
        wrap_untrusted("plan", as_text(board.plan), turn.work.code),
        texts["failed"].format(id=failed),
        wrap_untrusted("reasons", reason, turn.work.code),
    ))  # fmt: skip
    below = turn.below(agent.planner, task, live=False)
    below.influenced = turn.influenced
    result = await take(below)
    turn.influenced = turn.influenced or result.influenced
    return True


def _messages(turn: Turn, step_id: str, step: str, results: list[tuple[str, str]]) -> list[Message]:
    work = turn.work
    texts = _TEXTS["zh" if work.language == "zh" else "en"]
    parts = [texts["plan"].format(code=work.code), wrap_untrusted("plan", as_text(work.board.plan), work.code)]
    if results:
        parts.append(texts["results"])
        parts += [wrap_untrusted("result", text, work.code, step=number) for number, text in results]
    parts.append(texts["step"].format(id=step_id, text=step))
    turn.task = Task(parts=tuple(parts))
    return briefing(turn, "react", "executor")


def _failure(text: str) -> str | None:
    """Why the step failed, when the agent says that it did."""
    said = text.strip()
    if not said:
        return "The agent wrote nothing."
    last = said.splitlines()[-1].strip()
    for line in (said, last):
        if line.upper().startswith(_FAILED):
            return line[len(_FAILED) :].strip() or "no reason given"
    return None


def _joined(results: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"{number}. {text.strip()}" for number, text in results)
