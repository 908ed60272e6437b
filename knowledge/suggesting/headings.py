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
    r"(?:how|what|why|when|where|which) (?:do|does|did|can|could|is|are|was|were|should|would|will|much|many|long) "
    r"|(?:can|is|are|does|do|should) (?:i|you|we|it|there|the) ",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"(how|what|when|where) to (?=\w)", re.IGNORECASE)
_OF_ITSELF = re.compile(
    r"\b(?:this|the present) (?:book|chapter|doc|docs|document|guide|manual|page|section|series|tutorial)\b"
    r"|(?:本|这)(?:文|篇|章|节|页|书|手册|指南|教程|文档)",
    re.IGNORECASE,
)
_NOTHING_HAN = re.compile(r"(?:概述|简介|介绍|总结|小结|其他|其它|附录|前言|背景|参考|目录|说明|注意事项|参考资料)")
_NOTHING = re.compile(
    r"(?:about|appendix|background|contents|example|examples|faq|general|index|introduction|misc|miscellaneous|more"
    r"|next steps?|note|notes|other|overview|preface|prerequisites?|reference|references|related|see also|summary"
    r"|table of contents|tl;dr|todo|what.s next)",
    re.IGNORECASE,
)
"""Headings that every document has, and that ask about nothing without it."""

_ASIDE = re.compile(r" ?\([^()]{1,40}\)$| ?（[^（）]{1,40}）$")
_ARTICLE = re.compile(r"(?:A|An|The) (?=[a-z])")
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
_NAMING_HAN = re.compile(
    r".{2,4}(?:策略|机制|原理|架构|概念|方案|流程|指南|手册|清单|参数|选项|记录|步骤|方法|方式|周期"
    r"|要求)"
)
"""So short, what begins like something to do names a thing."""

_LINKING = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "via", "with"))
_OWN = {"your": "my", "yours": "mine", "yourself": "myself"}
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
    plain = " ".join(_NUMBER.sub("", _MARKED.sub("", heading[: 4 * LONGEST])).split()).rstrip(":：#")
    plain = _ASIDE.sub("", plain)
    return plain if SHORTEST <= len(plain) <= LONGEST and not _says_nothing(plain) else ""


def _says_nothing(plain: str) -> bool:
    """Whether it cannot be asked of anybody but the document it stands in, or is several headings in one."""
    if _OF_ITSELF.search(plain) or _NOTHING.fullmatch(plain) or _NOTHING_HAN.fullmatch(plain):
        return True
    is_open = not plain.endswith(("?", "？"))
    return is_open and _HOW_TO.match(plain) is not None and any(sign in plain for sign in ":,;：，；")


def asks(heading: str) -> bool:
    """Whether it is a question."""
    return heading.endswith(("?", "？")) or any(each in heading for each in _ASKING_HAN) or _is_asking(heading)


def _is_asking(heading: str) -> bool:
    return _ASKING.match(heading) is not None or _HOW_TO.match(heading) is not None


def tells(heading: str) -> bool:
    """Whether it has enough words to say what it is about, rather than "Overview"."""
    return len(heading.split()) >= TELLING_WORDS or sum(sign >= "\u3400" for sign in heading) >= TELLING_HAN


def does(heading: str) -> bool:
    """Whether it names something to do."""
    return _DOING.match(heading) is not None or (
        _DOING_HAN.match(heading) is not None and _NAMING_HAN.fullmatch(heading.partition("：")[0]) is None
    )


def rating(heading: str) -> int:
    """How good a question it makes: 0 is best."""
    if asks(heading):
        return 0 if len(query_terms(heading)) >= FEWEST_TERMS else 3  # "How to get it" asks about nothing
    return 1 if does(heading) and tells(heading) else 2 if tells(heading) else 3


def as_question(heading: str) -> str:
    """The heading as somebody would ask it, in its own language; what neither asks nor names something to do is asked
    about."""
    is_han = language_of(heading) == "zh"
    if how_to := _HOW_TO.match(heading):
        how, rest = how_to[1].capitalize(), heading[how_to.end() :].rstrip("?？.")
        return f"{how} {'do' if how == 'How' else 'should'} I {_lowered(rest)}?"
    if asks(heading):
        is_closed = heading.endswith(("?", "？"))
        return heading if is_closed else heading + ("？" if is_han else "?")
    if not does(heading):
        return _about(heading, is_han)
    return f"如何{heading}？" if is_han else f"How do I {_lowered(heading).rstrip('.')}?"


def _about(heading: str, is_han: bool) -> str:
    """A question about what a heading names. It stands in quotes, for its capitals may be those of names."""
    if is_han:
        return f"“{heading}”是怎么回事？"
    if _ARTICLE.match(heading):
        return f"What is there to know about {heading[0].lower()}{heading[1:]}?"
    return f"What is there to know about “{heading}”?"


def _lowered(heading: str) -> str:
    """The verb in front and what links words in lower case; all else may be a name. "Your" is "my" to who asks."""
    first, *rest = heading.split()
    words = [first.lower(), *(word.lower() if word.lower() in _LINKING else word for word in rest)]
    return " ".join(_OWN.get(word.lower(), word) for word in words)
