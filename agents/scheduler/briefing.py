"""What an agent's model is sent: who it is, the conversation, what was found, what was done, and its task."""

from __future__ import annotations

from agents.answering.prompting import count_tokens, recent, with_wishes
from agents.messages.parts import Message
from agents.messages.trust import wrap_untrusted
from agents.prompts.library import read_prompt
from agents.scheduler.evidence import wrap_passages
from agents.scheduler.performance import Contribution
from agents.scheduler.turns import Turn

WORK_TOKENS = 6000
"""Room for what other agents wrote; the newest of it is kept."""

_TEXTS = {
    "en": {
        "passages": "Passages from the documents, quoted, between the markers with the code {code}; cite them as [n]:",
        "work": "What was done so far, between the markers with the code {code}:",
        "returned": "Your work was sent back. Do it again, better. The reasons:",
        "question": "The question: {question}",
    },
    "zh": {
        "passages": "以下是文档片段，位于带有代码 {code} 的标记之间；引用时写 [n]：",
        "work": "到目前为止完成的工作，位于带有代码 {code} 的标记之间：",
        "returned": "你的工作被退回。请改进后重做。理由：",
        "question": "问题：{question}",
    },
}


def briefing(turn: Turn, *roles: str) -> list[Message]:
    """The messages of a turn. `roles` are prompts of the product that come before the phase author's own."""
    work = turn.work
    language = work.language
    system = "\n\n".join([read_prompt(role, language) for role in ("agent", *roles)] + [turn.agent.prompt]).strip()
    system = with_wishes(system, work.context.instructions, language)
    history = recent(work.context.history) if work.definition.memory == "thread" else ()
    if history or work.evidence.passages or work.board.influenced:
        # Earlier answers were made from documents, so what follows from them is not only the user's word.
        turn.influenced = True
    return [Message.of("system", system), *history, Message.of("user", "\n\n".join(_parts(turn, language)))]


def _parts(turn: Turn, language: str) -> list[str]:
    work = turn.work
    texts = _TEXTS["zh" if language == "zh" else "en"]
    parts: list[str] = []
    if work.evidence.passages:
        parts += [texts["passages"].format(code=work.code), wrap_passages(work.evidence.passages, work.code)]
    if work.board.contributions and not turn.task.instead_of_work:
        done = [wrap_untrusted("work", each.text, work.code, agent=each.agent) for each in _newest(turn)]
        parts += [texts["work"].format(code=work.code), *done]
    parts.append(texts["question"].format(question=work.context.question))
    if reasons := work.board.returns.get(turn.name):
        parts += [texts["returned"], wrap_untrusted("reasons", reasons, work.code)]
    return [*parts, *turn.task.parts]


def _newest(turn: Turn) -> list[Contribution]:
    kept: list[Contribution] = []
    left = float(WORK_TOKENS)
    for each in reversed(turn.work.board.contributions):
        left -= count_tokens(each.text)
        if kept and left < 0:
            break
        kept.append(each)
    return list(reversed(kept))
