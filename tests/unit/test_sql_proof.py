"""Which statements are proved to read: what a server would take for an order is never sent."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import CallRefused, ToolFailed, ToolsetInvalid
from agents.tools.sql.proof import LONGEST, SqlDialect, prove, prove_plan
from agents.tools.sql.template import check_statement, statement_of
from agents.tools.yaml.definition import StatementTemplate
from agents.tools.yaml.loading import load_toolset, shipped
from tests.sql_statements import READING, REFUSED

DIALECTS: tuple[SqlDialect, ...] = ("postgres", "mysql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_reads_is_sent(dialect: SqlDialect) -> None:
    for statement in READING[dialect]:
        proved = prove(statement, dialect)
        assert prove(proved.text, dialect).text == proved.text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_may_do_something_is_refused(dialect: SqlDialect) -> None:
    for statement in REFUSED[dialect]:
        with pytest.raises(ToolFailed):
            pytest.fail(f"sent: {prove(statement, dialect).text}")


def test_a_refusal_says_what_is_wrong_and_what_is_allowed() -> None:
    for statement, said in (
        ("select pg_terminate_backend(1)", "the function pg_terminate_backend is not on the list"),
        ("select 1; select 2", "exactly one statement"),
        ("copy t to '/x'", "COPY does not only read"),
        ("select 1 /*! x */", "a comment that the server would execute"),
        ("select (" + "(" * 5_000, "nested too deeply"),
        ("select 1 from", "cannot be read as SQL"),
        ("x" * (LONGEST + 1), "longer than"),
    ):
        with pytest.raises(ToolFailed, match=said) as caught:
            prove(statement, "postgres")
        assert "Allowed is" in str(caught.value) or "longer" in said


def test_a_refusal_has_a_stable_word_and_a_sentence_in_each_language() -> None:
    for statement, reason, said in (
        ("select pg_terminate_backend(1)", "sql_unknown_function", "函数 pg_terminate_backend 不在只读函数列表中"),
        ("select 1; select 2", "sql_not_one", "不是恰好一条语句"),
        ("delete from t", "sql_writes", "DELETE 不是只读操作"),
        ("select {0} '{1}'", "sql_unreadable", "无法按 SQL 读取"),
        ("select 1 /*! x */", "sql_comment", "会被服务器执行"),
    ):
        with pytest.raises(CallRefused) as caught:
            prove(statement, "postgres")
        assert caught.value.reason_code == reason
        assert caught.value.words["en"] == str(caught.value)
        assert said in caught.value.words["zh"]
        assert "只允许一条 SELECT" in caught.value.words["zh"]


def test_a_plan_is_made_of_what_writes_but_only_without_running_it() -> None:
    writing = "update t set a = 1 where b = 2"
    assert prove_plan(writing, "postgres", is_run=False).startswith("UPDATE t SET")
    for statement, is_run in ((writing, True), ("drop table t", False), ("update t set a = pg_sleep(9)", False)):
        with pytest.raises(ToolFailed):
            prove_plan(statement, "postgres", is_run=is_run)
    plan = StatementTemplate(text="{{ s }}", plan=True, run="{{ run }}")
    assert statement_of(plan, {"s": "select 1", "run": True}, "postgres").text.startswith("EXPLAIN (ANALYZE")
    assert statement_of(plan, {"s": "select 1", "run": None}, "mysql").text == "EXPLAIN SELECT 1"


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_value_stays_a_value(value: str) -> None:
    template = StatementTemplate(text="SELECT a FROM t WHERE b = {{ v }} AND c = 1")
    for dialect in DIALECTS:
        try:
            text = statement_of(template, {"v": value}, dialect).text
        except ToolFailed:
            continue
        assert text.startswith("SELECT a FROM t WHERE b = '")
        assert text.endswith("' AND c = 1")


@given(st.text(alphabet="select(),;'\"\\/*!-#`$1 \nfromunio", max_size=60))
@settings(max_examples=60, deadline=None)
def test_anything_is_either_proved_or_refused(text: str) -> None:
    for dialect in DIALECTS:
        with suppress(ToolFailed):
            prove(f"select {text}", dialect)


def test_a_variable_may_be_named_like_a_word_of_sql() -> None:
    template = StatementTemplate(text="SELECT a FROM t WHERE b LIKE {{ like }} AND c = {{ select }} LIMIT {{ limit }}")
    check_statement(template)
    for dialect in DIALECTS:
        text = statement_of(template, {"like": "x%", "select": None, "limit": 5}, dialect).text
        assert text == "SELECT a FROM t WHERE b LIKE 'x%' AND c = NULL LIMIT 5"


def test_every_statement_that_ships_is_proved() -> None:
    for toolset in shipped():
        for tool in toolset.tools:
            if tool.statement is not None:
                check_statement(tool.statement)


def test_what_an_operator_must_not_write() -> None:
    for wrong in (
        "statement: {text: 'DELETE FROM t WHERE a = {{ a }}'}",
        "statement: {text: \"SELECT '{{ a }}'\"}",
        "statement: {text: 'SELECT ${secret}'}",
        "statement: {text: 'SELECT 1'}, request: {path: /}",
        "operation: flushall",
        "request: {path: /}, result: {decode: nothing}",
    ):
        with pytest.raises(ToolsetInvalid):
            load_toolset(f"name: a\ntools: [{{name: b, description: c, {wrong}}}]")
