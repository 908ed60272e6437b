"""Proves that a statement reads and does nothing else; what was proved is what is sent.

The statement is parsed. Its tree may hold kinds of nodes that are known to read, and call functions that are known to
tell. Then it is written anew from the tree, without comments, and what is written is read a second time: a text that
a server might understand otherwise than the parser is not sent. A read-only transaction is the second wall.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sqlglot import Dialect, errors, exp
from sqlglot.tokenizer_core import Token, TokenType

from agents.errors import CallRefused, ToolFailed
from agents.tools.sql.functions import FUNCTIONS, SYNTAX
from agents.tools.sql.refusals import refusal

SqlDialect = Literal["postgres", "mysql"]
LONGEST = 20_000
_SETTING = re.compile(r"\s*SHOW\s+([A-Za-z_][A-Za-z0-9_.]{0,100})\s*;?\s*", re.IGNORECASE)
_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_WRITING_ROOTS = (exp.Insert, exp.Update, exp.Delete)
_NODES = (
    exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Tuple, exp.With, exp.CTE, exp.From, exp.Join, exp.Where,
    exp.Group, exp.GroupingSets, exp.Cube, exp.Rollup, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.Fetch, exp.LimitOptions, exp.Distinct, exp.Window, exp.WindowSpec, exp.Filter, exp.WithinGroup, exp.Lateral,
    exp.Table, exp.TableAlias, exp.Column, exp.ColumnDef, exp.Identifier, exp.Star, exp.Alias, exp.Aliases, exp.Literal,
    exp.National, exp.HexString, exp.BitString, exp.ByteString, exp.RawString, exp.Null, exp.Boolean, exp.Binary,
    exp.Unary, exp.Between, exp.In, exp.Any, exp.All, exp.Exists, exp.Func, exp.Interval, exp.IntervalSpan, exp.Var,
    exp.DataType, exp.DataTypeParam, exp.PseudoType, exp.ObjectIdentifier, exp.Bracket, exp.Slice, exp.AtTimeZone,
    exp.Case, exp.If, exp.TableSample, exp.Introducer, exp.SessionParameter, exp.Parameter, exp.Placeholder,
    exp.JSONPath, exp.JSONPathPart, exp.JSONColumnDef, exp.JSONSchema, exp.JSONKeyValue, exp.OnCondition,
    exp.IndexTableHint,
)  # fmt: skip
_REFUSED = (exp.PropertyEQ, exp.NextValueFor, exp.Into, exp.Lock, exp.Hint, exp.Command, exp.DML, exp.DDL)
_TRIPS = (RecursionError, LookupError, AttributeError, TypeError, ValueError)
"""What the parser trips over with some texts that are no statements, such as `SHOW FULL`."""
_EXECUTES = re.compile(r"\s*(?:!|M!|\+)")
_QUALIFIERS = frozenset(("pg_catalog", "information_schema"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Proved:
    """A statement to be sent as it is. A query may stand inside another one; SHOW may not."""

    text: str
    is_query: bool = True


def prove(statement: str, dialect: SqlDialect) -> Proved:
    """The statement as it is to be sent. Raises ToolFailed with what is wrong and what is allowed."""
    setting = _SETTING.fullmatch(statement) if dialect == "postgres" else None
    if setting is not None:
        return Proved(text=f"SHOW {setting[1]}", is_query=False)
    tree = parsed(statement, dialect)
    if isinstance(tree, exp.Show) and dialect == "mysql":
        _check(tree, dialect, allows_root=True)
        return Proved(text=_written(tree, dialect), is_query=False)
    if not isinstance(tree, _ROOTS):
        raise _writes(tree)
    _check(tree, dialect)
    return Proved(text=_written(tree, dialect))


def prove_plan(statement: str, dialect: SqlDialect, *, is_run: bool) -> str:
    """The statement as its plan may be asked for. One whose plan is made without running it may also write."""
    tree = parsed(statement, dialect)
    if not isinstance(tree, _ROOTS) and (is_run or not isinstance(tree, _WRITING_ROOTS)):
        raise refusal("no_plan_by_running" if is_run else "no_plan", _kind(tree))
    _check(tree, dialect, allows_root=isinstance(tree, _WRITING_ROOTS))
    return _written(tree, dialect)


def parsed(statement: str, dialect: SqlDialect) -> exp.Expr:
    """The tree of exactly one statement. Raises ToolFailed."""
    if len(statement) > LONGEST:
        raise ToolFailed(f"The statement is longer than {LONGEST:,} characters.")
    if "\x00" in statement:
        raise refusal("zero_byte")
    # What it cannot read becomes a Command and is refused; its warnings would quote users' statements into the log.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        tokens = Dialect.get_or_raise(dialect).tokenize(statement)
        _check_comments(tokens)
        found = [each for each in Dialect.get_or_raise(dialect).parser().parse(tokens, statement) if each is not None]
    except (errors.SqlglotError, *_TRIPS) as error:
        raise refusal("unreadable", _first_line(error)) from None
    found = [each for each in found if not isinstance(each, exp.Semicolon)]
    if len(found) != 1:
        raise refusal("not_one")
    tree: exp.Expr = found[0]
    return tree


def _check_comments(tokens: list[Token]) -> None:
    """Comments that a server executes, or takes for orders, are no comments."""
    if any(_EXECUTES.match(comment) for token in tokens for comment in token.comments):
        raise refusal("comment")


def _check(tree: exp.Expr, dialect: SqlDialect, *, allows_root: bool = False) -> None:
    """Raises ToolFailed. `allows_root`: what the statement itself is was judged already."""
    allowed = (exp.Schema, exp.Returning, exp.OnConflict) if allows_root else ()
    for node in tree.walk():
        if allows_root and node is tree:
            continue
        if isinstance(node, _REFUSED):
            raise _writes(node)
        if not isinstance(node, (*_NODES, *allowed)):
            raise refusal("unknown_kind", _kind(node))
        _check_call(node, dialect)


def _check_call(node: exp.Expr, dialect: SqlDialect) -> None:
    if not isinstance(node, exp.Func):
        return
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        name = str(node.name).lower()
        if name not in FUNCTIONS[dialect]:
            raise _unknown(name)
    above = node.parent
    if isinstance(above, exp.Dot) and above.expression is node and above.this.name.lower() not in _QUALIFIERS:
        raise refusal("foreign_function", above.this.sql()[:60])


def _written(tree: exp.Expr, dialect: SqlDialect) -> str:
    """The tree as text, if the text reads as the tree and calls nothing else."""
    try:
        text = tree.sql(dialect=dialect, comments=False, unsupported_level=errors.ErrorLevel.RAISE)
        again = parsed(text, dialect)
        if again.sql(dialect=dialect, comments=False) != text:
            raise refusal("ambiguous")
        tokens = Dialect.get_or_raise(dialect).tokenize(text)
    except (errors.SqlglotError, *_TRIPS) as error:
        raise refusal("unwritable", _first_line(error)) from None
    named = {each.name.lower() for each in tree.find_all(exp.TableAlias) if each.args.get("columns")}
    if isinstance(tree, _WRITING_ROOTS):
        named |= {each.name.lower() for each in tree.find_all(exp.Table)}
    for name in _called(tokens):
        if name not in FUNCTIONS[dialect] and name not in SYNTAX and name not in named:
            raise _unknown(name)
    return text


def _called(tokens: list[Token]) -> Iterator[str]:
    """Every word that stands before a bracket."""
    for token, following in pairwise(tokens):
        is_word = token.text[:1].isalpha() or token.text[:1] == "_" or token.token_type == TokenType.IDENTIFIER
        if following.token_type == TokenType.L_PAREN and is_word and token.token_type != TokenType.STRING:
            yield from token.text.lower().split()[-1:]


def _kind(node: exp.Expr) -> str:
    if isinstance(node, exp.Command):
        return str(node.this).upper()[:30]
    return {"Into": "SELECT … INTO", "Lock": "FOR UPDATE"}.get(type(node).__name__, type(node).key.upper())


def _unknown(name: str) -> CallRefused:
    return refusal("unknown_function", name[:60])


def _writes(node: exp.Expr) -> CallRefused:
    return refusal("assigns") if isinstance(node, exp.PropertyEQ) else refusal("writes", _kind(node))


def _first_line(error: BaseException) -> str:
    first = str(error).split("\n")[0].strip()[:160]
    return "nested too deeply" if isinstance(error, RecursionError) else first.rstrip(".") or type(error).__name__
