"""Questions that ask what a thing is, and the sentences that say so."""

from __future__ import annotations

import re

from knowledge.text.analysis import query_terms, term_set
from knowledge.text.sentences import split_sentences

_ASKS = re.compile(
    r"\s*(?:(?:what(?:'s|\s+is|\s+are)|explain|define)\s+(?:an?\s+|the\s+)?(?P<is>.+?)(?:\s+used)?(?:\s+for)?"
    r"|what\s+do(?:es)?\s+(?:an?\s+|the\s+)?(?P<does>.+?)\s+(?:do|mean|stand\s+for)"
    r"|(?:什么是|何为|何谓|解释一下)\s*(?P<asked_first>.+?)"
    r"|(?P<asked_last>.+?)\s*(?:到底)?(?:是什么(?:意思|东西)?|是干什么的|是做什么的|指的?是?什么"
    r"|有什么(?:用|用处|作用)|的作用是什么))\s*[?？。.!]*\s*",
    re.IGNORECASE | re.DOTALL,
)
_SAYS = re.compile(
    r"\s(?:is|are|means?|refers?\s+to|represents?|defines?|describes?|allows?|enables?|lets?|provides?|controls?"
    r"|manages?|runs?|makes?|causes?|ensures?|tells?)\s(?!not\b)|(?<!不)是指?|指的是|用于|用来|负责|提供|定义了",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^[\s>*+#-]*(?:\d{1,9}[.)]\s)?|[*_`]+")
_IN_PARENTHESES = re.compile(r"[(（]([^()（）]*)[)）]")
_BESIDES = re.compile(
    r"(?:if|when|whenever|once|while|as|because|since|after|before|unless)\b|如果|若|当|在", re.IGNORECASE
)
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*[-*+>|#])")
_LONGEST_QUESTION = 200
_LONGEST_SUBJECT = 12
_LONGEST_BEFORE_VERB = 120


def subject_of(question: str) -> frozenset[str]:
    """The terms of what a question asks to be told what it is; none for a question of another kind."""
    match = _ASKS.fullmatch(question) if len(question) <= _LONGEST_QUESTION else None
    terms = query_terms(next(filter(None, match.groups()), "")) if match else []
    return frozenset(terms) if len(terms) <= _LONGEST_SUBJECT else frozenset()


def definition(sentence: str, subject: frozenset[str]) -> float:
    """How nearly a sentence begins by saying what the subject is or does, 0..1: 1 when nothing else stands before its
    verb but another name of it in parentheses."""
    plain = _MARKS.sub("", sentence.lstrip()[: 2 * _LONGEST_BEFORE_VERB])
    verb = _SAYS.search(plain, 0, _LONGEST_BEFORE_VERB)
    if not subject or verb is None or _BESIDES.match(plain):
        return 0.0
    before = plain[: verb.start()]
    names = map(term_set, (_IN_PARENTHESES.sub("", before), *_IN_PARENTHESES.findall(before)))
    return max((len(subject) / len(name) for name in names if name >= subject), default=0.0)


def best_definition(text: str, subject: frozenset[str]) -> float:
    """The same for the best sentence of a text."""
    if not subject:
        return 0.0
    blocks = _BLOCK.split(text)
    sentences = (block[start:end] for block in blocks for start, end in split_sentences(block, 0, len(block)))
    return max((definition(sentence, subject) for sentence in sentences), default=0.0)
