"""What a long question asks: of a story, a pasted log, a trace or YAML the sentences that ask and the names in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from knowledge.text.analysis import count_words, is_identifier, query_terms
from knowledge.text.sentences import split_sentences

SHORT_WORDS = 45.0
"""A question of at most so many words is read as it stands."""

_MOST_CHARACTERS = 200_000
_LONGEST = 2000
_ASKING_WORDS = 45.0
_TELLING_WORDS = 25.0
_FAILING_LINES = 3
_FAILING_WORDS = 25.0
_NAMES = 16

_FENCE = re.compile(r"^\s*(?:```|~~~)")
_TIME = re.compile(
    r"\[?\b(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\b\]?"
    r"|\b\d{4}-\d\d-\d\d\b|\b\d{9,}\b"
)
_MACHINE = re.compile(
    r"^\s*+(?:"
    r"[\[(]?\d{4}[-/]\d\d[-/]\d\d|[\[(]?\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d"  # a time first
    r"|(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL|PANIC)\b|(?:level|ts|time|msg)=|[EWIF]\d{4} "
    r"|at [\w.$<>]+\(|File \"|Traceback \(|Caused by:|goroutine \d|\.\.\. \d+ more|[\w.$]+(?:Error|Exception)\b"
    r"|[-\s]*+[\w.$/\"-]++:(?:\s+\S+(?: \S+){0,3})?\s*$|- \S+\s*$|---\s*$|[{}\[\]],?\s*$|[$#>] \S"
    r"|[^\s=]++\s*+=\s*+\S++\s*+$"
    r")"
)
_FAILS = re.compile(
    r"\b(?:error|err|fatal|panic|critical|exception|failed|failure|fail|denied|refused|unable|cannot|can't|timed out"
    r"|timeout|invalid|aborted|not found|unauthori[sz]ed|forbidden|crash\w*|Caused by)\b|Error\b|Exception\b"
    r"|失败|错误|异常|超时|拒绝",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|\b(?:how (?:do|can|to|should|would)|what|why|which|where|when should|who|is there|is it|can (?:i|we|you)"
    r"|should (?:i|we)|do (?:i|we) (?:need|have)|does|any idea|help)\b"
    r"|怎么|如何|为什么|为何|什么|哪|是否|能否|能不能|多少|吗|请问",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:--?)?[A-Za-z0-9_][\w./:@=-]*\w", re.ASCII)
_CODE = re.compile(r"(?<![\w.-])[A-Z]{2,10}[-_]?\d{1,8}(?![\w.-])")
_NUMBERS = re.compile(r"\d+")
_ALL_NUMBER = re.compile(r"[\d.,:%-]+(?:ms|s|m|h|[KMGT]i?B?)?")


def focus_of(question: str) -> str:
    """The question itself when it is short; otherwise what of it is worth searching with, of bounded length.

    That is the sentences that ask, the first one told beside them, the lines that report a failure (alike ones once,
    without their times) and the names of machines that stand elsewhere. Takes time linear in the question's length.
    """
    if len(question) < 8 * SHORT_WORDS and "\n" not in question.strip() and count_words(question) <= SHORT_WORDS:
        return question
    prose, machine = _lines(question[:_MOST_CHARACTERS])
    if not machine and count_words(" ".join(prose)) <= SHORT_WORDS:
        return question[:_LONGEST]
    sentences = [text for line in prose for text in _sentences(line)]
    asking = [text for text in sentences if _ASKS.search(text)]
    telling = [text for text in sentences if not _ASKS.search(text)]
    failing = _distinct(line for line in machine if _FAILS.search(line))
    failing = (failing or _distinct(machine)) if not sentences else failing
    parts = [
        *_within(telling if not asking else telling[:1], _TELLING_WORDS if asking else _ASKING_WORDS),
        *_within(asking[::-1], _ASKING_WORDS)[::-1],
        *(_cut(line, _FAILING_WORDS) for line in failing[:_FAILING_LINES]),
    ]
    kept = " ".join(parts)
    names = _names([*failing, *telling, *machine], set(query_terms(kept)))
    return "\n".join(filter(None, (kept, " ".join(names)))) or question[:_LONGEST]


def written_in(question: str) -> str:
    """What of a question people wrote, as `focus_of` shortens it, with the codes (`ORA-00942`) of what they pasted.

    What a question is about is named there; the hosts, files and fields of a pasted log are its circumstances.
    """
    prose, machine = _lines(question[:_MOST_CHARACTERS])
    if not machine:
        return focus_of(question)
    codes = dict.fromkeys(code for line in machine for code in _CODE.findall(line))
    return "\n".join(filter(None, (focus_of("\n".join(prose)), " ".join(list(codes)[:_NAMES]))))


def _lines(question: str) -> tuple[list[str], list[str]]:
    """What people wrote and what machines did, line by line."""
    prose: list[str] = []
    machine: list[str] = []
    fenced = False
    for line in question.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif line.strip():
            written = not fenced and (_asks_plainly(line) or not _MACHINE.match(line))
            (prose if written else machine).append(line.strip()[:2000] if not written else line.strip())
    return prose, machine


def _asks_plainly(line: str) -> bool:
    return line.rstrip().endswith(("?", "？")) and not _TIME.match(line.strip())


def _sentences(line: str) -> Iterator[str]:
    for start, end in split_sentences(line, 0, len(line)):
        yield line[start:end].strip()


def _distinct(lines: Iterator[str] | Sequence[str]) -> list[str]:
    """Lines without their times, of those that differ in numbers only the first."""
    kept: dict[str, str] = {}
    for line in lines:
        bare = " ".join(_TIME.sub(" ", line).split())
        if bare:
            kept.setdefault(_NUMBERS.sub("0", bare), bare)
    return list(kept.values())


def _within(texts: Sequence[str], budget: float) -> list[str]:
    kept = []
    for text in texts:
        if budget <= 0:
            break
        kept.append(_cut(text, budget))
        budget -= count_words(kept[-1])
    return kept


def _cut(text: str, words: float) -> str:
    """The first so many words of a text."""
    if len(text) <= words or count_words(text) <= words:
        return text
    shorter = " ".join(text[: int(12 * words)].split()[: int(words)])
    return shorter if count_words(shorter) <= 2 * words else shorter[: int(words / 0.6)]


def _names(texts: Sequence[str], known: set[str]) -> list[str]:
    """Names of machines in texts, each once, those said already left out."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _NAME.finditer(_TIME.sub(" ", text)):
            name = match.group()
            if len(found) >= _NAMES:
                return list(found)
            if len(name) <= 80 and not _ALL_NUMBER.fullmatch(name) and (name.startswith("--") or is_identifier(name)):
                terms = set(query_terms(name))
                if not terms <= known:
                    known |= terms
                    found[name] = None
    return list(found)
