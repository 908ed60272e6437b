"""What the product itself says in an answer, in the language of the question."""

from __future__ import annotations

_TEXTS = {
    "en": {
        "nothing": "I found nothing in the chosen knowledge bases. They may be empty, or the filters too narrow.",
        "unanswered": "I found nothing in the chosen knowledge bases that answers this. The nearest pages are below.",
        "closest": "Nothing here surely answers this. What comes closest:",
        "unasked": "I answer from the documents of the chosen knowledge bases, with a citation behind every sentence. "
        "Ask about something they hold, in a few words or a whole question. In the browser, `/help` lists commands, "
        "tools and modes.",
        "unchosen": "No knowledge base was chosen, so there is nothing to answer from. Choose one and ask again.",
    },
    "zh": {
        "nothing": "在所选的知识库中什么也没有找到。知识库可能是空的，或者筛选条件过窄。",
        "unanswered": "在所选的知识库中没有找到能回答这个问题的内容。下面是最相近的页面。",
        "closest": "没有找到确切的答案，最接近的内容是：",
        "unasked": "我根据所选知识库中的文档回答，每一句话都带引用。请用几个词或一个完整的问题，询问文档里的内容。"
        "在浏览器中输入 `/help` 可列出命令、工具和模式。",
        "unchosen": "没有选择知识库，因此没有可供回答的内容。请选择一个知识库后再问。",
    },
}

_LEFT = {
    "en": {"step": "step", "item": "item", "code": "line", "table": "row", "sentence": "sentence"},
    "zh": {"step": "个步骤", "item": "项", "code": "行", "table": "行", "sentence": "句"},
}


def say(key: str, language: str) -> str:
    """A sentence of ours, in Chinese for `zh`, otherwise in English."""
    return _TEXTS["zh" if language == "zh" else "en"][key]


def say_left(kind: str, count: int, language: str) -> str:
    """That so many more steps, items, rows or lines follow where a quotation was cut."""
    if language == "zh":
        return f"…… 还有 {count} {_LEFT['zh'][kind]}"
    return f"… {count} more {_LEFT['en'][kind]}{'' if count == 1 else 's'}"
