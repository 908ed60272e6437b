"""How a run of a declared phase ends: with its citations checked, or with what there is when a limit was reached."""

from __future__ import annotations

from agents.errors import BudgetSpent
from agents.events import BudgetExceeded, Cited, Mode
from agents.phases.phase import Outcome
from agents.scheduler.performance import Performance
from agents.scheduler.turns import Turn
from knowledge.types import Verdict

_TEXTS = {
    "en": {
        "stopped": "This answer is not finished: {reason}",
        "so_far": "What there is so far:",
        "nothing": "Nothing was found out up to then.",
        "steps": "it may use {allowed:g} calls of a model and has used them.",
        "tool_calls": "it may use {allowed:g} calls of tools and has used them.",
        "tokens": "it may use {allowed:g} tokens and has used {used:g}.",
        "seconds": "it may work for {allowed:g} seconds, which are over.",
        "cost": "it may cost {allowed:g} and has cost {used:g}.",
        "loop": "the agents went in circles and were stopped.",
    },
    "zh": {
        "stopped": "这个回答没有完成：{reason}",
        "so_far": "目前已有的结果：",
        "nothing": "到停止时还没有任何结果。",
        "steps": "最多可以调用模型 {allowed:g} 次，已经用完。",
        "tool_calls": "最多可以调用工具 {allowed:g} 次，已经用完。",
        "tokens": "最多可以使用 {allowed:g} 个 token，已经使用 {used:g} 个。",
        "seconds": "最多可以工作 {allowed:g} 秒，时间已到。",
        "cost": "费用上限为 {allowed:g}，已经使用 {used:g}。",
        "loop": "智能体在原地打转，已被停止。",
    },
}


async def finish(work: Performance) -> Outcome:
    """Say what was held back, check what is cited, and judge how surely it answers."""
    for name in list(work.board.held):
        await _say(work, name, work.board.held.pop(name))
    if not work.answer.text and work.board.contributions:
        last = work.board.contributions[-1]
        await _say(work, last.agent, last.text)
    return await _outcome(work, stopped=False)


async def stop(work: Performance, error: BudgetSpent) -> Outcome:
    """Say that a limit was reached and what there is up to then."""
    work.emit(BudgetExceeded(limit=error.limit, used=error.used, allowed=error.allowed, message=str(error)))
    texts = _TEXTS["zh" if work.language == "zh" else "en"]
    reason = texts[error.limit].format(allowed=error.allowed, used=error.used)
    parts = [texts["stopped"].format(reason=reason)]
    if not work.answer.text:
        said = [*(each.text for each in work.board.contributions), *work.board.held.values()]
        parts += [texts["so_far"], *dict.fromkeys(said)] if said else [texts["nothing"]]
    name = next(iter(work.definition.agents))
    await _say(work, name, "\n\n".join(parts))
    return await _outcome(work, stopped=True)


async def _say(work: Performance, name: str, text: str) -> None:
    await Turn(work=work, name=name, agent=work.definition.agents[name], path=name, speaks=True).tell(text)


async def _outcome(work: Performance, *, stopped: bool) -> Outcome:
    cited = await work.compute(work.answer.check, work.parts.embedder)
    work.emit(cited)
    mode: Mode = "extractive" if work.modes == {"extractive"} else "model"
    if stopped:
        return Outcome(verdict="closest" if work.board.contributions or cited.citations else "nothing", mode=mode)
    return Outcome(verdict=work.verdict or _verdict(cited), mode=mode, nearest=work.nearest)


def _verdict(cited: Cited) -> Verdict:
    """What cites passages answers when they back half of it; what cites none claims nothing of them."""
    supported = sum(citation.supported for citation in cited.citations)
    return "answered" if 2 * supported >= len(cited.citations) else "closest"
