"""What the product itself says in an answer, in the language of the question."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agents.events import Nearest
from agents.sanitising.inline import is_allowed
from agents.sanitising.stream import sanitise

_TEXTS = {
    "en": {
        "unanswered": "I found nothing in the chosen knowledge bases that answers this.",
        "nearest": "The nearest pages:",
        "unchosen": "No knowledge base was chosen, so there is nothing to answer from. Choose one and ask again.",
    },
    "zh": {
        "unanswered": "在所选的知识库中没有找到能回答这个问题的内容。",
        "nearest": "最相近的页面：",
        "unchosen": "没有选择知识库，因此没有可供回答的内容。请选择一个知识库后再问。",
    },
}


def say(key: str, language: str) -> str:
    """A sentence of ours, in Chinese for `zh`, otherwise in English."""
    return _TEXTS["zh" if language == "zh" else "en"][key]


def unanswered(nearest: Sequence[Nearest], language: str, hosts: Collection[str]) -> str:
    """That nothing answers, and the pages worth opening, as Markdown."""
    said = say("unanswered", language)
    if not nearest:
        return said
    return f"{said}\n\n{say('nearest', language)}\n\n" + "\n".join(f"- {_page(page, hosts)}" for page in nearest)


def _page(page: Nearest, hosts: Collection[str]) -> str:
    title = sanitise(" ".join((page.title or page.path).split()), hosts=())
    path = page.path.replace("`", "'").replace("\n", " ")
    if is_allowed(page.url, hosts):
        return f"[{title}](<{page.url}>)"
    return f"{title} (`{path}`)" if page.title and page.title != page.path else f"`{path}`"
