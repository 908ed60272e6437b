"""The database's clock in SQL: one for all machines that share a PostgreSQL server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from knowledge.storage.columns import Moment


class database_now(FunctionElement[datetime]):
    """The present moment by the database's clock, to be selected, compared with and written."""

    type = Moment()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite(element: database_now, compiler: Any, **options: Any) -> str:
    # As SQLAlchemy stores moments there: text with six digits after the second.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(database_now, "postgresql")
def _postgresql(element: database_now, compiler: Any, **options: Any) -> str:
    return "clock_timestamp()"
