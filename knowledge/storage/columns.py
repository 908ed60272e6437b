"""Column types that mean the same on SQLite and PostgreSQL, and how what belongs to tables is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from knowledge.text.storable import storable, storable_json

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""How indexes and constraints are named, so that migrations can speak of them on both databases."""


def id_column(name: str, *arguments: Any, **options: Any) -> Column[str]:
    """A column for an id of 32 hex characters."""
    return Column(name, String(32), *arguments, **options)


class StorableText(TypeDecorator[str]):
    """Text of any length; what no database holds is replaced on the way in, in values and in comparisons alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class StorableJSON(TypeDecorator[Any]):
    """A JSON value, kept as text on both databases; None is SQL NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return storable_json(value)


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC, as which one without a time zone is read. Raises ValueError where no year there is left."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment must lie in the years 1 to 9999 of UTC") from None


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC, on SQLite too, which keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value)
