"""Making a follow-up question stand alone without a model, by carrying over what the last turns were about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

from knowledge.text.analysis import is_identifier, language_of, query_terms, stem, stop_words

_TURNS = 3
_MOST_CARRIED = 8
_FEW_WORDS = 3
"""A question of at most so many content words leans on what was said before when it points back to it."""

_LONGEST_FOLLOW_UP = 600
_MOST_READ = 2000
"""Characters that are read of an earlier question; what it was about is said by then."""

_CODE = re.compile(r"`([^`\n]{1,80})`")
_WORD = re.compile(r"(?:--?)?[A-Za-z0-9_][\w./:=-]*[\w]|[A-Za-z0-9_]|[\u3400-\u9fff]+", re.ASCII)
_HAN = re.compile(r"[\u3400-\u9fff]")
_CONTINUES = re.compile(
    r"\s*(?:(?:ok(?:ay)?|thanks?|thank you|great|so|well)[,.! ]+)*"
    r"(?:(?:and|but|or|also|then|so|what about|how about|what if|what else|same (?:for|with|question)|why not)\b"
    r"|(?:好的?|谢谢|嗯|哦)?[，,。 ]*"
    r"(?:那么?|还有|另外|此外|然后|但是?|可是|不过|如果|要是|换成|同样|除此|再|顺便|接着|所以|为啥|为什么呢))",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:its|this|their|those|these|ones?|the same|former|latter|above|mentioned)\b"
    r"|\bthat (?:\w+ )?(?:behaviou?r|case|change|command|error|feature|field|file|flag|issue|limit|message|method"
    r"|option|page|parameter|problem|setting|step|timeout|tool|value|variable|way)\b"
    r"|\b(?<!is )(?<!are )(?<!was )(?<!were )there\b"
    r"|它们?|这个|那个|这些|那些|这样|那样|这种|那种|这里|那里|上面|上述|刚才|前面|前者|后者|其中?|此|该|呢[？?]?\s*$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:it|they|them|that|this|these|those)\b", re.IGNORECASE)
_SAYS_NOTHING = re.compile(
    # "is it possible to …", "how long does it take to …": this "it" stands for what follows.
    r"\s+(?:(?:even|also|still|really|at all)\s+)?(?:possible|safe|okay|ok|fine|necessary|required|better|best|enough"
    r"|normal|recommended|advisable|worth|takes?)\b",
    re.IGNORECASE,
)
_NEW_CLAUSE = re.compile(
    r"(?:\s(?:and|or|but)\s|[,;，；。.?？!！]\s?(?:(?:and|or|but)\s|并且|而且|以及)?)"
    r"(?=(?:how|what|why|when|where|who|which|do|does|did|is|are|was|were|can|could|should"
    r"|will|would|has|have)\b"
    r"|它|其|怎|如何|什么|为什么|多|有|谁|是)",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"\b(?:its|their)\b|它们?的|其(?!中)", re.IGNORECASE)
_NAMES_ITS_SUBJECT = re.compile(
    # "the timeout" is that of what was spoken about, "a histogram" and "exporters" are things of their own.
    r"\s*(?:please |can you |could you )?"
    r"(?:(?:what|who)(?:['’]s| is| are| was| were)|whats|explain|describe|define|list|show|introduce"
    r"|tell me about|(?:what|how) (?:do|does)(?= (?!(?:i|we|you|one)\b)[^?]+ (?:work|mean|do|look like)[?.! ]*$))"
    r"(?: me| us| all| an?)* (?!(?:the|my|our)\b)\w"
    r"|(?:请|请问|帮我)?(?:什么是|什么叫|何为|何谓|解释|介绍|说明|讲讲|讲解|列出|列举)"
    r"|[^，,。？?]{1,40}(?:是什么|是啥|指什么|什么意思)(?:意思|东西)?[？?。 ]*$",
    re.IGNORECASE,
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?")
# Words of asking and of doing: the new question brings its own, so the old ones are not carried.
_FRAME = frozenset(
    re.findall(
        r"\S+",
        """
        enable disable turn switch set setup configure change make use using get run add remove
        delete create install uninstall update upgrade start stop restart show list find check see
        work works need want like know tell explain mean means happen happens possible default value
        way ways please help thing things difference example examples give try instead take takes true
        thanks thank okay great
        怎么 怎样 如何 什么 为什么 为何 哪里 哪个 哪些 多少 多久 几个 是否 能否 可以 能不能 请问 帮我
        想 想要 需要 应该 启用 禁用 开启 关闭 打开 设置 配置 修改 使用 安装 卸载 升级 更新 查看
        创建 删除 添加 增加 移除 启动 停止 重启 默认 默认值 区别 意思 办法 方法 问题 一下
        谢谢 好的
        """,
    )
)
# What always is that of something else, or says how something is: a question for it names no subject.
_OF_SOMETHING = frozenset(
    re.findall(
        r"\S+",
        """
        wrong next missing left new recommended allowed supported affected needed required involved going best
        detail details briefly simply step steps option options parameter parameters argument arguments flag flags
        value values setting settings field fields prerequisite prerequisites requirement requirements limit limits
        limitation limitations alternative alternatives advantage advantages disadvantage disadvantages benefit
        benefits drawback drawbacks cause causes reason reasons consequence consequences risk risks purpose
        command commands syntax name version versions size owner path port url cost output result results
        解释 介绍 说明 讲讲 讲解 列出 列举 详细 具体 简单 步骤 选项 参数 取值 字段 前提 条件 要求 限制 替代
        优点 缺点 优势 好处 坏处 原因 后果 风险 目的 作用 用途 原理 命令 语法 名称 名字 版本 大小 路径 端口 地址
        结果 输出 影响 位置 负责人 原理 流程 含义 超时 类型 格式
        """,
    )
)


def contextualise(question: str, earlier: Sequence[str]) -> str:
    """The question as it stands alone: unchanged when it does, otherwise with what the last turns were about behind it.

    `earlier` are the questions asked before in the same conversation, oldest first. The question itself is always kept
    word for word; nothing is looked up and nothing raised. A long question stands alone. However long they all are, it
    takes no longer than reading them does.
    """
    asked = _plain(question)
    if not earlier or not is_elliptic(asked):
        return question
    carried = _topic([_plain(turn)[:_MOST_READ] for turn in earlier[-_TURNS:]], asked)
    if not carried:
        return question
    opening, closing = ("（", "）") if language_of(question) == "zh" else (" (", ")")
    return f"{question.rstrip()}{opening}{' '.join(carried)}{closing}"


def _plain(text: str) -> str:
    """The lines of a text without the white space that says nothing."""
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def is_elliptic(question: str) -> bool:
    """Whether a question leans on earlier ones: it goes on ("and …", "那…") or points back without saying to what."""
    if len(question) > _LONGEST_FOLLOW_UP or _opens_alone(question):
        return False
    text = _CODE.sub(" ", question)
    words = len(list(_content_words(question)))
    if _begins_with_pronoun(text):
        return words <= 2 * _FEW_WORDS
    if any(_names(question)):
        # It has a name of its own: only "what about X" or "its X" still needs the old subject.
        return words <= _FEW_WORDS and bool(_CONTINUES.match(question) or _POINTS_BACK.search(_without_own(text)))
    if _CONTINUES.match(question):
        return words <= 2 * _FEW_WORDS
    if _POINTS_BACK.search(text):
        return words <= _FEW_WORDS
    return words <= 1 and not _is_bare(question) and not _names_its_subject(question)


def _opens_alone(question: str) -> bool:
    """Whether its first clause stands alone, so that the later ones point back to that: "who owns X and is it big?"."""
    end = _NEW_CLAUSE.search(question)
    opening = question[: end.start()] if end is not None else ""
    return any(_content_words(opening)) and not _CONTINUES.match(opening) and not is_elliptic(opening)


def _without_own(text: str) -> str:
    """The text without the possessives that belong to a name before them."""
    return _POSSESSIVE.sub(lambda match: " " if any(_names(text[: match.start()])) else match.group(), text)


def _names_its_subject(question: str) -> bool:
    """Whether a question asks for a thing that it names: "what is a histogram?", "list exporters", "什么是…"."""
    words = (word.lower() for word in _content_words(question))
    return bool(_NAMES_ITS_SUBJECT.match(question)) and any(word not in _OF_SOMETHING for word in words)


def _is_bare(question: str) -> bool:
    """Whether there is a word of content and nothing else: a new search ("rollback"), not an unfinished question."""
    return "".join(_content_words(question)) == question.strip()


def _begins_with_pronoun(text: str) -> bool:
    """Whether a word that stands for a thing comes before the question has said what: "does that work with X?"."""
    for match in _PRONOUN.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if len(list(_content_words(before))) > 1:
            return False
        if match.group().lower() in {"they", "them"}:
            return True
        if match.group().lower() == "it":
            if not _SAYS_NOTHING.match(after):
                return True
        elif _is_frame(_last_word(before)) and _is_frame(_first_word(after)):
            # Neither "the app that …" nor "this app".
            return True
    return False


def _topic(turns: Sequence[str], question: str) -> list[str]:
    """Names and content words of the last turn that stood alone and of the elliptic ones after it, oldest first.

    A name gives way to another of its kind that was asked about after it.
    """
    first = next((at for at in range(len(turns) - 1, -1, -1) if not is_elliptic(turns[at])), 0)
    seen = set(_keys(question))
    replaced = _kinds(question)
    named: list[list[str]] = []
    plain: list[list[str]] = []
    for turn in reversed(turns[first:]):
        names = list(_names(turn))
        gone = {key for name in names if _kind(name) in replaced for key in _keys(name)}
        named.insert(0, [])
        plain.insert(0, [])
        for word in [*names, *_content_words(turn)]:
            if not _keys(word) <= seen and not _keys(word) <= gone:
                seen |= _keys(word)
                (named if word in names else plain)[0].append(word)
        replaced |= _kinds(turn)
    words = [*chain.from_iterable(named), *chain.from_iterable(plain)]
    return words[:_MOST_CARRIED]


def _kinds(question: str) -> frozenset[str]:
    """The kinds of the names that a question asks about in the place of earlier ones: "and X?" does, "with X?" not."""
    if _begins_with_pronoun(question) or _POINTS_BACK.search(_CODE.sub(" ", question).rstrip("呢？? ")):
        return frozenset()
    return frozenset(filter(None, map(_kind, _names(question))))


def _kind(name: str) -> str:
    """What a name is one of: error codes of one family, addresses, GUIDs, flags, settings; empty for other names."""
    if _GUID.fullmatch(name):
        return "guid"
    if _ADDRESS.fullmatch(name):
        return "address"
    if name.startswith("--"):
        return "flag"
    if re.search(r"\d", name):
        return re.sub(r"\d+", "0", name.lower())
    return "setting" if "_" in name else ""


def _names(question: str) -> Iterator[str]:
    """Words that name one thing: quoted code, flags, identifiers, acronyms, capitalised words inside a sentence."""
    yield from (match.strip() for match in _CODE.findall(question))
    rest = _CODE.sub(lambda match: " " * len(match.group()), question)
    for match in _WORD.finditer(rest):
        word = match.group()
        begins = not rest[: match.start()].strip(" \"'(") or rest[: match.start()].rstrip()[-1:] in ".!?。！？"
        if _HAN.match(word) or word.lower() in stop_words() or word.lower() in _FRAME:
            continue
        capital = word[0].isupper() and not (begins and not word[1:2].isupper())
        if word.startswith("--") or is_identifier(word) or capital:
            yield word


def _content_words(question: str) -> Iterator[str]:
    for match in _WORD.finditer(_CODE.sub(" ", question)):
        word = match.group()
        if _HAN.match(word):
            yield from (part for part in query_terms(word) if part not in _frame())
        elif not _is_frame(word) and not word.isdigit():
            yield word


def _first_word(text: str) -> str:
    found = _WORD.match(text.lstrip())
    return found.group() if found else ""


def _last_word(text: str) -> str:
    return text.split()[-1].strip("\"'(") if text.split() else ""


def _is_frame(word: str) -> bool:
    """Whether a word says nothing of a subject; the lack of a word says as little."""
    return not word or word.lower() in _frame() or stem(word.lower()) in _frame()


def _keys(text: str) -> frozenset[str]:
    return frozenset(query_terms(text))


@cache
def _frame() -> frozenset[str]:
    return _FRAME | stop_words() | {stem(word) for word in _FRAME}
