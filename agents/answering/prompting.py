"""What the model is sent: the rules, the conversation so far, and the passages, wrapped as the data they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.messages.parts import Message
from agents.messages.trust import new_code, wrap_untrusted
from agents.prompts.library import read_prompt
from knowledge.types import Passage, Verdict

HISTORY_TOKENS = 1500
EVIDENCE_TOKENS = 6000

_HAN = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
_WORD = re.compile(r"[^\W\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]")
_MARKERS = re.compile(r"\s?\[\d{1,4}\](?!\()")
_TEXTS = {
    "en": ("Passages from the documents, quoted, between the markers with the code {code}:", "Question: {question}"),
    "zh": ("以下是文档片段，位于带有代码 {code} 的标记之间：", "问题：{question}"),
}
_DOUBTS = {
    "en": "A comparison of words does not show that these passages answer the question. Check that they are about the "
    "very thing that is asked; if they are not, begin with [0].",
    "zh": "从字面上看，不能确定这些片段回答了这个问题。请核对它们说的是否正是所问的对象；如果不是，请以 [0] 开头。",
}


def count_tokens(text: str) -> float:
    """About how many tokens a model makes of a text: 1 for a Chinese character, 1.3 for a word or sign of others.

    An estimate: no tokenizer of any model is at hand without a download.
    """
    return len(_HAN.findall(text)) + 1.3 * len(_WORD.findall(text))


def grounded_messages(
    question: str,
    language: str,
    passages: Sequence[Passage],
    history: Sequence[Message],
    verdict: Verdict,
    instructions: str = "",
) -> tuple[Message, ...]:
    """The messages for an answer from passages. The markers around them cannot be guessed by who wrote a document.

    `verdict` is how surely the passages seem to answer; a doubt is passed on. `instructions` are those of the caller.
    """
    code = new_code()
    introduction, asked = _TEXTS["zh" if language == "zh" else "en"]
    wrapped = "\n".join(_wrap(passage, code) for passage in within_budget(passages))
    content = (
        f"{introduction.format(code=code)}\n\n<passages-{code}>\n{wrapped}\n</passages-{code}>\n\n"
        f"{asked.format(question=question)}"
    )
    if verdict != "answered":
        content += f"\n\n{_DOUBTS['zh' if language == 'zh' else 'en']}"
    return (
        Message.of("system", with_wishes(read_prompt("answer", language), instructions, language)),
        *recent(history),
        Message.of("user", content),
    )


def plain_messages(
    question: str, language: str, history: Sequence[Message], instructions: str = ""
) -> tuple[Message, ...]:
    """The messages for an answer without any passages, when no knowledge base was chosen."""
    return (
        Message.of("system", with_wishes(read_prompt("chat", language), instructions, language)),
        *recent(history),
        Message.of("user", question),
    )


def with_wishes(rules: str, instructions: str, language: str) -> str:
    """Our rules, then the caller's wishes as such: below the rules, and between markers that they cannot close."""
    if not instructions.strip():
        return rules
    wishes = wrap_untrusted("wishes", instructions.strip(), new_code())
    return f"{rules.rstrip()}\n\n{read_prompt('wishes', language)}\n{wishes}"


def recent(history: Sequence[Message], budget: float = HISTORY_TOKENS) -> tuple[Message, ...]:
    """The last turns that fit, oldest first, beginning with one of the user's.

    Citation numbers are left out: they meant the passages of their own turn. Neighbours of one role become one message,
    as some endpoints insist on roles that alternate.
    """
    kept: list[Message] = []
    for message in reversed(history):
        content = _MARKERS.sub("", message.text) if message.role == "assistant" else message.text
        budget -= count_tokens(content)
        if budget < 0:
            break
        if kept and kept[-1].role == message.role:
            kept[-1] = Message.of(message.role, f"{content}\n\n{kept[-1].text}")
        else:
            kept.append(Message.of(message.role, content))
    while kept and kept[-1].role != "user":
        kept.pop()
    if kept and kept[0].role == "user":
        # An unanswered question (its run failed) would stand beside the one asked now.
        kept.pop(0)
    return tuple(reversed(kept))


def within_budget(passages: Sequence[Passage], budget: float = EVIDENCE_TOKENS) -> list[Passage]:
    """The first passages that fit; the very first in any case."""
    kept: list[Passage] = []
    for passage in passages:
        budget -= count_tokens(passage.text)
        if kept and budget < 0:
            break
        kept.append(passage)
    return kept


def _wrap(passage: Passage, code: str) -> str:
    return wrap_untrusted(
        "passage",
        passage.text,
        code,
        number=str(passage.number),
        title=passage.document.title or passage.document.path,
        section=" / ".join(passage.heading_path),
    )
