"""What kind of answer a question asks for: a value, a procedure, or anything else."""

from __future__ import annotations

import re
from typing import Literal

Manner = Literal["value", "procedure", "other"]

_LONGEST = 300
_COUNTED = re.compile(
    r"\bhow (?:many|much|long|often|big|large|old|far|fast|high|deep)\b|多少|多久|多大|多长|几[个次天小分秒种]",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"\bhow (?:do|to|can|should|would|could|must|i|we|you)\b|\bsteps?\b|\bprocedure\b|\bset(?:ting)? up\b|\binstall"
    r"|\bmigrat|\bupgrad|怎么|怎样|如何|步骤|流程|咋|办法",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"\bdefault\b|^(?:[\w ,]{0,25}\b)?(?:which|what(?:'s| is| are| does| do)?|when|where|who)\b"
    r"|(?:^|[.,;:?] ?)(?:is|are|does|do|can|will)\b|默认|哪|何时|是否|是什么|什么是",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"\b(?:and|or|vs|versus|difference|both)\b|还是|或者|分别|区别|同时|和|与|、", re.IGNORECASE)


def manner_of(question: str) -> Manner:
    """A value ("which port", "how many"), a procedure ("how do I", "steps") or something else."""
    text = question[:_LONGEST]
    if _SEVERAL.search(text):
        return "procedure" if _PROCEDURE.search(text) else "other"
    if _COUNTED.search(text):
        return "value"
    if _PROCEDURE.search(text):
        return "procedure"
    return "value" if _VALUE.search(text) else "other"
