"""What this product can do here and now, in its own words: the answer to "what can you do?"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.types import Language

MOST_NAMED = 8
"""So many bases, modes and sources of tools are named; the rest is counted."""

_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "answers": "I answer questions from your documents, with a citation behind every sentence. "
        "What is on here right now:",
        "bases": "**Knowledge bases** ({count}): {names}.",
        "no_bases": "**Knowledge bases**: none yet. Build one on the page Knowledge from files, a folder, a zip or "
        "a web page.",
        "documents": "{name} ({count} documents)",
        "waiting": "{name} (still being read)",
        "model": "**Language model**: {name} writes the answers; each sentence is checked against its source.",
        "no_model": "**Language model**: none is chosen, so answers are quotations. Add one on the page Models.",
        "modes": "**Modes** that work now: {names}.",
        "tools": "**Tools** ({count}): {names}. `/tools` lists them, `/` completes them.",
        "no_tools": "**Tools**: none are on. Connect platforms on the page Tools.",
        "sandbox": "**Sandbox**: runs {names} code, shut off from the network and from this machine.",
        "no_sandbox": "**Sandbox**: off here, so no code is run.",
        "more": "{count} more",
        "ask": "Ask in a few words or in a whole sentence, in English or Chinese. `/help` says more.",
    },
    "zh": {
        "answers": "我根据您的文档回答问题，每一句话都附有引用。这里目前可用的有：",
        "bases": "**知识库**（{count} 个）：{names}。",
        "no_bases": "**知识库**：还没有。请在“知识库”页面用文件、文件夹或网页创建。",
        "documents": "{name}（{count} 篇文档）",
        "waiting": "{name}（正在读取）",
        "model": "**语言模型**：由 {name} 撰写回答，每句话都与来源核对。",
        "no_model": "**语言模型**：没有选择，因此回答都是原文摘录。可在“模型”页面添加。",
        "modes": "**模式**，现在可用：{names}。",
        "tools": "**工具**（{count} 个）：{names}。`/tools` 列出全部，输入 `/` 可补全。",
        "no_tools": "**工具**：没有启用。可在“工具”页面连接平台。",
        "sandbox": "**沙箱**：可运行 {names} 代码，与网络和本机隔离。",
        "no_sandbox": "**沙箱**：此处未启用，不运行代码。",
        "more": "还有 {count} 个",
        "ask": "可以用几个词或完整的句子提问，中文英文都可以。`/help` 有更多说明。",
    },
}
_COMMA = {"en": ", ", "zh": "、"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A knowledge base that the next question is asked of; no documents yet means that it is being read."""

    name: str
    documents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What is on for one run. `modes` are titles in the language asked for, `tool_groups` name the tools."""

    bases: Sequence[Base] = ()
    model: str = ""
    modes: Sequence[str] = ()
    tool_count: int = 0
    tool_groups: Sequence[str] = ()
    languages: Sequence[str] = ()


def introduction(here: Installation, language: Language) -> str:
    """What can be done, as Markdown: only what is on, and of what is off how to get it."""
    texts = _TEXTS["zh" if language == "zh" else "en"]
    comma = _COMMA["zh" if language == "zh" else "en"]

    def listed(names: Sequence[str]) -> str:
        more = [texts["more"].format(count=len(names) - MOST_NAMED)] if len(names) > MOST_NAMED else []
        return comma.join([*map(_plain, names[:MOST_NAMED]), *more])

    bases = [
        texts["documents" if each.documents else "waiting"].format(name=_plain(each.name), count=each.documents)
        for each in here.bases
    ]
    lines = [
        texts["bases"].format(count=len(bases), names=listed(bases)) if bases else texts["no_bases"],
        texts["model"].format(name=_plain(here.model)) if here.model else texts["no_model"],
        *([texts["modes"].format(names=listed(here.modes))] if here.modes else []),
        texts["tools"].format(count=here.tool_count, names=listed(here.tool_groups))
        if here.tool_count
        else texts["no_tools"],
        texts["sandbox"].format(names=listed(here.languages)) if here.languages else texts["no_sandbox"],
    ]
    return "\n\n".join([texts["answers"], "\n".join(f"- {line}" for line in lines), texts["ask"]])


def _plain(name: str) -> str:
    """A name in one line, without signs that Markdown reads."""
    return " ".join(name.translate({ord(sign): " " for sign in "`*[]<>|\\"}).split())[:80]
