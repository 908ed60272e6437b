"""Statements with variables in them: values are put into the tree, so that none becomes anything but a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import errors, exp

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.sql.proof import Proved, SqlDialect, parsed, prove, prove_plan
from agents.tools.yaml.definition import StatementTemplate
from agents.tools.yaml.template import Template

_PREFIX = "value_"
_DIALECTS: tuple[SqlDialect, ...] = ("postgres", "mysql")


def statement_of(
    template: StatementTemplate, values: Mapping[str, Any], dialect: SqlDialect, server: str = ""
) -> Proved:
    """The statement for these values, proved to read. Raises ToolFailed."""
    whole = Template.parse(template.texts.get(server, template.text))  # type: ignore[call-overload]
    text = str(values[whole.only_variable]) if whole.only_variable else _filled(whole, values, dialect)
    if not template.plan:
        return prove(text, dialect)
    is_run = bool(template.run) and values.get(Template.parse(template.run).only_variable) is True
    proved = prove_plan(text, dialect, is_run=is_run)
    return Proved(text=_explain(dialect, server, is_run) + proved, is_query=False)


def check_statement(template: StatementTemplate) -> None:
    """Raises ToolsetInvalid for a statement that no server would be sent, whatever the values."""
    for text in (template.text, *template.texts.values()):
        whole = Template.parse(text)
        if whole.secrets:
            raise ToolsetInvalid("a secret must not stand in a statement: it would be seen in the server's logs.")
        if whole.only_variable:
            continue
        found = ""
        for dialect in _DIALECTS:
            try:
                prove(_filled(whole, dict.fromkeys(whole.variables), dialect), dialect)
                break
            except ToolFailed as error:
                found = found or str(error)
        else:
            raise ToolsetInvalid(found)


def _filled(whole: Template, values: Mapping[str, Any], dialect: SqlDialect) -> str:
    # A variable may be named as a word of SQL is; with a prefix it is none.
    text = "".join(f":{_PREFIX}{piece.variable} " if piece.variable else piece.literal for piece in whole.pieces)
    tree = parsed(text, dialect)
    found = {each.name.removeprefix(_PREFIX) for each in tree.find_all(exp.Placeholder)}
    missing = next((name for name in whole.variables if name not in found), None)
    if missing is not None:
        raise ToolFailed(f"{missing} does not stand for a value in the statement: write it without quotes around it.")

    def put(node: exp.Expr) -> exp.Expr:
        return _literal(values.get(node.name.removeprefix(_PREFIX))) if isinstance(node, exp.Placeholder) else node

    try:
        made: str = tree.transform(put).sql(dialect=dialect, comments=False)
    except (errors.SqlglotError, RecursionError) as error:
        raise ToolFailed(f"The statement cannot be written: {error}") from None
    return made


def _literal(value: Any) -> exp.Expr:
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float):
        return exp.Literal.number(value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    raise ToolFailed("A value in a statement is a text, a number or a boolean.")


def _explain(dialect: SqlDialect, server: str, is_run: bool) -> str:
    if dialect == "postgres":
        return "EXPLAIN (ANALYZE, BUFFERS) " if is_run else "EXPLAIN "
    if is_run:
        return "ANALYZE " if server == "mariadb" else "EXPLAIN ANALYZE "
    return "EXPLAIN "
