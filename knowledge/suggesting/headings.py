"""Headings as questions: which of them ask, which say enough to be asked about, and how the question is put. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.text.analysis import language_of, query_terms
from knowledge.text.markup import heading_name

SHORTEST, LONGEST = 4, 80
"""Characters of a heading that can be asked."""
TELLING_WORDS, TELLING_HAN = 3, 6
FEWEST_TERMS = 2
"""That a question is about; one alone says too little."""

_NUMBER = re.compile(r"^(?:\d{1,3}[.)、]|[一二三四五六七八九十]{1,3}、|[#\s]+)\s*(?=\D)")
_ASKING = re.compile(
    r"(?:how|what|why|when|where|which) (?:to|do|does|did|can|could|is|are|was|were|should|would|will|much|many|long) "
    r"|(?:can|is|are|does|do|should) (?:i|you|we|it|there|the) ",
    re.IGNORECASE,
)
_ASKING_HAN = ("如何", "怎么", "怎样", "为什么", "什么是", "为何", "是否")
_DOING = re.compile(
    r"(?:add|authenticate|back|build|change|check|choose|clean|configure|connect|create|customize|debug|define|delete"
    r"|deploy|disable|enable|export|find|generate|get|handle|import|install|integrate|invalidate|keep|limit|make|manage"
    r"|migrate|monitor|move|protect|publish|query|reduce|register|remove|restore|restrict|rotate|run|scale|schedule"
    r"|secure|send|set|start|stop|store|sync|test|troubleshoot|tune|update|upgrade|use|verify|write) (?=\w)",
    re.IGNORECASE,
)
_DOING_HAN = re.compile(
    r"(?:安装|配置|部署|使用|创建|编写|定义|管理|升级|迁移|启用|监控|排查|自定义|添加|删除|更新|查询|导出|导入|调试|优化"
    r"|构建|运行|备份|恢复|设置|集成|实现|搭建)"
)
_LINKING = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "via", "with"))
_MARKED = re.compile(r"[`*_]|\{#[^}]{0,80}\}|<[^>]{0,80}>|!?\[|\]\([^)]{0,200}\)")


def paths_in(heading_path: Sequence[str], text: str) -> list[tuple[str, ...]]:
    """The headings of a passage, as paths: the one it stands under, and those within it, for small sections share a
    passage. What stands in a block of code is no heading."""
    here = tuple(heading_path)
    paths = [here]
    is_code = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            is_code = not is_code
        level = len(line) - len(line.lstrip("#"))
        if is_code or not 1 <= level <= 6 or line[level : level + 1] not in (" ", "\t"):
            continue
        name = heading_name(line[level:].strip())
        if name:
            here = (*here[: level - 1], name)
            paths.append(here)
    return paths


def plain_heading(heading: str) -> str:
    """A heading without the number of a step and without signs of Markdown; empty when it is too short or too long."""
    heading = heading.removesuffix("(Optional)").removesuffix("(optional)")
    plain = " ".join(_NUMBER.sub("", _MARKED.sub("", heading[: 4 * LONGEST])).split()).rstrip(":：#")
    return plain if SHORTEST <= len(plain) <= LONGEST else ""


def asks(heading: str) -> bool:
    """Whether it is a question."""
    return heading.endswith(("?", "？")) or heading.startswith(_ASKING_HAN) or _ASKING.match(heading) is not None


def tells(heading: str) -> bool:
    """Whether it has enough words to say what it is about, rather than "Overview"."""
    return len(heading.split()) >= TELLING_WORDS or sum(sign >= "\u3400" for sign in heading) >= TELLING_HAN


def does(heading: str) -> bool:
    """Whether it names something to do."""
    return _DOING.match(heading) is not None or _DOING_HAN.match(heading) is not None


def rating(heading: str) -> int:
    """How good a question it makes: 0 is best."""
    if asks(heading):
        return 0 if len(query_terms(heading)) >= FEWEST_TERMS else 3  # "How to get it" asks about nothing
    return 1 if does(heading) and tells(heading) else 2 if tells(heading) else 3


def as_question(heading: str) -> str:
    """The heading as somebody would ask it; one that neither asks nor names something to do stays as it is."""
    if asks(heading):
        is_closed = heading.endswith(("?", "？")) or heading.lower().startswith("how to ")
        return heading if is_closed else heading + ("？" if language_of(heading) == "zh" else "?")
    if not does(heading):
        return heading
    if language_of(heading) == "zh":
        return f"如何{heading}？"
    first, *rest = heading.split()
    lowered = [word.lower() if word.lower() in _LINKING else word for word in rest]
    return " ".join(["How do I", first.lower(), *lowered]).rstrip(".") + "?"
