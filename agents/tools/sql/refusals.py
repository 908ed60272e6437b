"""Why a statement is not sent, by a stable word for it, in each language of the interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from agents.errors import CallRefused

Reason = Literal[
    "writes", "unknown_kind", "unknown_function", "foreign_function", "no_plan", "no_plan_by_running", "zero_byte",
    "comment", "unreadable", "not_one", "ambiguous", "unwritable", "assigns",
]  # fmt: skip

_FRAMES = {
    "en": "The statement was not sent: {why}. Allowed is one SELECT (or WITH, VALUES, SHOW) that calls the server's "
    "own functions and neither writes, locks nor waits.",
    "zh": "语句未发送：{why}。只允许一条 SELECT（或 WITH、VALUES、SHOW），"
    "只能调用服务器自带的函数，不能写入、加锁或等待。",
}
_REASONS: Mapping[str, Mapping[Reason, str]] = {
    "en": {
        "writes": "{what} does not only read",
        "assigns": "an assignment does not only read",
        "unknown_kind": "{what} is not known to read only",
        "unknown_function": "the function {what} is not on the list of those that only read",
        "foreign_function": "it calls a function of {what!r}, which is not one of the server's own",
        "no_plan": "{what} is nothing whose plan can be asked for",
        "no_plan_by_running": "{what} is nothing whose plan can be asked for by running it",
        "zero_byte": "it holds a zero byte",
        "comment": "it holds a comment that the server would execute (/*! or /*+)",
        "unreadable": "it cannot be read as SQL ({what})",
        "not_one": "it is not exactly one statement",
        "ambiguous": "it can be read in two ways: write it more plainly",
        "unwritable": "it cannot be written for this server ({what})",
    },
    "zh": {
        "writes": "{what} 不是只读操作",
        "assigns": "赋值不是只读操作",
        "unknown_kind": "{what} 不在已知的只读操作之列",
        "unknown_function": "函数 {what} 不在只读函数列表中",
        "foreign_function": "它调用了 {what!r} 的函数，不是服务器自带的函数",
        "no_plan": "{what} 不能查看执行计划",
        "no_plan_by_running": "{what} 不能通过实际执行来查看执行计划",
        "zero_byte": "其中含有零字节",
        "comment": "其中的注释会被服务器执行（/*! 或 /*+）",
        "unreadable": "无法按 SQL 读取（{what}）",
        "not_one": "它不是恰好一条语句",
        "ambiguous": "它有两种读法，请写得更明确",
        "unwritable": "无法为此服务器写出（{what}）",
    },
}


def refusal(reason: Reason, what: str = "") -> CallRefused:
    """The error that says so. `what`: the part of the statement that is meant, or what its reader tripped over."""
    words = {
        language: frame.format(why=_REASONS[language][reason].format(what=what)) for language, frame in _FRAMES.items()
    }
    return CallRefused(words["en"], reason_code=f"sql_{reason}", words=words)
