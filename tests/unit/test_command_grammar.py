"""Commands as they are typed: quotes, numbers, lists, free words, and errors that say what is allowed."""

from __future__ import annotations

import contextlib
import random
import re
from typing import Any

import pytest

from agents.commands.grammar import (
    CommandError,
    allowed,
    is_command,
    main_argument,
    read_arguments,
    read_command,
    unescaped,
)
from agents.commands.wording import Wording

PROM = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "time": {"type": "string"},
        "limit": {"type": "integer"},
        "share": {"type": "number"},
        "verbose": {"type": "boolean"},
        "labels": {"type": "array", "items": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "integer"}},
        "filters": {"type": "object"},
        "level": {"enum": ["info", "error"]},
    },
    "required": ["query"],
}
SCALE = {
    "type": "object",
    "properties": {"namespace": {"type": "string"}, "deployment": {"type": "string"}, "replicas": {"type": "integer"}},
    "required": ["namespace", "deployment"],
}


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ('up{job="api"}', {"query": 'up{job="api"}'}),
        ('sum(rate(x{a="b c"}[5m])) by (pod)', {"query": 'sum(rate(x{a="b c"}[5m])) by (pod)'}),
        ('up{job="a"} limit=5', {"query": 'up{job="a"}', "limit": 5}),
        ("limit=5 up == 1", {"query": "up == 1", "limit": 5}),
        ('query="up == 1"', {"query": "up == 1"}),
        ('"up == 1"', {"query": "up == 1"}),
        ("what's the time", {"query": "what's the time"}),
        ('an "open quote', {"query": 'an "open quote'}),
        ("x share=0.5 verbose=yes", {"query": "x", "share": 0.5, "verbose": True}),
        ("x verbose=off limit=-3", {"query": "x", "verbose": False, "limit": -3}),
        ('x labels=[a, "b c", d]', {"query": "x", "labels": ["a", "b c", "d"]}),
        ("x labels=a labels=b", {"query": "x", "labels": ["a", "b"]}),
        ("x ports=[80, 443]", {"query": "x", "ports": [80, 443]}),
        ("x ports=80,443", {"query": "x", "ports": [80, 443]}),
        ('x filters={"a": [1, {"b": "}"}]}', {"query": "x", "filters": {"a": [1, {"b": "}"}]}}),
        ("x level=ERROR", {"query": "x", "level": "error"}),
        ("foo=bar", {"query": "foo=bar"}),
        (r'query="a \"b\" \\ c"', {"query": r'a "b" \ c'}),
        ("first line\n  second (open limit=2", {"query": "first line\n  second (open", "limit": 2}),
        ("如何 回滚 limit=2", {"query": "如何 回滚", "limit": 2}),
    ],
)
def test_what_is_typed_is_read_by_the_schema(typed: str, values: dict[str, Any]) -> None:
    read = read_arguments(PROM, typed)
    assert dict(read.values) == values
    assert read.missing == ()


@pytest.mark.parametrize(
    ("schema", "typed", "said"),
    [
        (PROM, "x limit=many", "limit must be integer"),
        (PROM, "x limt=5", "did you mean limit"),
        (PROM, "x level=loud", "one of info, error"),
        (PROM, "x query=y", "given twice"),
        (PROM, 'query="open', "is not closed"),
        (PROM, "x ports=[1, 2", "is not closed by ]"),
        (PROM, "x ports=[1, two]", "must be integer"),
        (PROM, "x limit=1 limit=2", "given twice"),
        (SCALE, "web", "belongs to no argument"),
        (SCALE, "color=red", "There is no argument color"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_is_allowed(schema: dict[str, Any], typed: str, said: str) -> None:
    with pytest.raises(CommandError) as error:
        read_arguments(schema, typed)
    assert said in str(error.value)
    chinese = error.value.in_words(Wording("zh"))
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search(r"\b(argument|must|closed|given|takes|one of|integer|required)\b", chinese)


def test_what_is_allowed_is_said_in_the_language_asked_for() -> None:
    with pytest.raises(CommandError) as error:
        read_arguments(SCALE, "web")
    assert error.value.in_words(Wording("zh")) == "'web' 不属于任何参数：请写成 key=value。" + allowed(
        SCALE, Wording("zh")
    )
    assert "replicas（整数" in allowed(SCALE, Wording("zh"))
    assert "replicas (integer" in allowed(SCALE, Wording("en"))


def test_what_is_missing_is_named_and_not_guessed() -> None:
    assert read_arguments(SCALE, "replicas=2 namespace=prod").missing == ("deployment",)
    assert read_arguments(PROM, "").missing == ("query",)
    assert main_argument(SCALE) is None


def test_two_slashes_make_a_question() -> None:
    assert is_command("/help")
    assert not is_command("//help")
    assert not is_command("How?")
    assert unescaped("//help me") == "/help me"
    assert read_command("/List-Pods  a=b ").name == "list_pods"


def test_whatever_is_typed_is_read_or_refused() -> None:
    signs = [
        "query=",
        "labels=",
        "limit=",
        "filters=",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "(",
        ",",
        "\\",
        " ",
        "a",
        "1",
        "=",
        "é",
        "\n",
    ]
    chance = random.Random(13)
    for _ in range(3_000):
        typed = "".join(chance.choices(signs, k=chance.randint(0, 14)))
        with contextlib.suppress(CommandError):
            assert set(read_arguments(PROM, typed).values) <= set(PROM["properties"])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["(", "( ", '["', "'\\\"", "{ '", "a=", "query", "\\", "(]", "labels"])
def test_no_text_takes_long(piece: str) -> None:
    typed = piece * (100_000 // len(piece))
    for rest in (typed, f"x labels={typed}", f"x labels=[{typed}]"):
        with contextlib.suppress(CommandError):
            read_arguments(PROM, rest)
