"""A tool that is a statement: proved, sent where nothing can be written, answered by a table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio.to_thread

from agents.errors import ToolFailed
from agents.tools.http.client import HttpClient
from agents.tools.http.endpoint import Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from agents.tools.sql.session import MOST_ROWS, Question, Rows, Session, ask
from agents.tools.tcp.place import Place, turn_at
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.reach import Reach
from agents.tools.yaml.rendering import values_of

if TYPE_CHECKING:
    from agents.tools.sql.proof import Proved

_LONGEST_SHOWN = 2_000
DIALECTS: Mapping[str, Literal["postgres", "mysql"]] = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlTool:
    """Asks a database over one of its connections."""

    spec: ToolSpec
    tool: Compiled
    client: HttpClient
    reach: Reach

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Send the statement. Raises ToolFailed with what was sent and what is wrong."""
        endpoint = await self.reach.endpoint(arguments)
        values = values_of(self.tool, arguments, time.time())
        async with turn_at(self.client, endpoint) as place:
            server = await server_of(place) if self._differs(endpoint) else ""
            proved = await anyio.to_thread.run_sync(self._statement, values, endpoint, server)
            question = Question(
                text=proved.text,
                is_query=proved.is_query,
                most_rows=min(MOST_ROWS, self.tool.definition.result.limit),
                timeout_s=endpoint.limits.timeout_s,
            )
            try:
                rows = await ask(session_at(place), question)
            except RequestFailed:
                raise
            except ToolFailed as error:
                raise ToolFailed(place.masker.mask(f"{_shown(proved)}\n{error}")) from None
        return _output(proved, rows, place)

    async def preview(self, arguments: Mapping[str, Any]) -> str:
        """The statement as it would be sent."""
        endpoint = await self.reach.endpoint(arguments)
        server = "mariadb" if self._differs(endpoint) else ""
        values = values_of(self.tool, arguments, time.time())
        return (await anyio.to_thread.run_sync(self._statement, values, endpoint, server)).text

    def _differs(self, endpoint: Endpoint) -> bool:
        statement = self.tool.definition.statement
        is_mysql = _dialect(endpoint) == "mysql"
        return is_mysql and statement is not None and (bool(statement.texts) or bool(statement.run))

    def _statement(self, values: Mapping[str, Any], endpoint: Endpoint, server: str) -> Proved:
        from agents.tools.sql.template import statement_of  # loads a parser that most processes never need

        statement = self.tool.definition.statement
        if statement is None:
            raise ToolFailed("This tool has no statement.")
        return statement_of(statement, values, _dialect(endpoint), server)


def session_at(place: Place) -> Session:
    """A session with the database at this place."""
    from agents.tools.sql.mysql import MySqlSession
    from agents.tools.sql.postgresql import PostgreSqlSession

    return PostgreSqlSession(place) if place.scheme == "postgresql" else MySqlSession(place)


async def database_version(place: Place) -> str:
    """What the database says it is, after signing in. Raises RequestFailed, ToolFailed."""
    question = Question(text="SELECT version()", is_query=True, most_rows=1, timeout_s=place.endpoint.limits.timeout_s)
    rows = await ask(session_at(place), question)
    said = " ".join(rows.rows[0][0].split()[:2])
    return said if place.scheme == "postgresql" or "maria" in said.lower() else f"MySQL {said}"


async def server_of(place: Place) -> str:
    """Whether a MySQL server is `mysql` or `mariadb`. Raises RequestFailed."""
    return "mariadb" if "mariadb" in (await database_version(place)).lower() else "mysql"


def _dialect(endpoint: Endpoint) -> Literal["postgres", "mysql"]:
    found = DIALECTS.get(endpoint.base_url.partition(":")[0])
    if found is None:
        raise ToolFailed("This connection does not lead to a database that is asked in SQL.")
    return found


def _shown(proved: Proved) -> str:
    return proved.text if len(proved.text) <= _LONGEST_SHOWN else proved.text[:_LONGEST_SHOWN] + "…"


def _output(proved: Proved, rows: Rows, place: Place) -> ToolOutput:
    mask = place.masker.mask
    cells = [[mask(cell) for cell in row] for row in rows.rows]
    sent = mask(_shown(proved))
    if len(rows.columns) == 1 and (len(cells) == 1 or not proved.is_query):
        text = "\n".join(row[0] for row in cells)
        return ToolOutput(text=f"{sent}\n{text}", summary=f"{len(text.splitlines())} lines", view="text", data=text)
    lines = [" | ".join(rows.columns), *(" | ".join(" ".join(cell.split()) for cell in row) for row in cells)]
    more = f"\n(more rows are left out: these are the first {len(cells)})" if rows.is_cut else ""
    text = "\n".join(lines) + more if cells else "(no rows)"
    summary = f"{len(cells)} rows" + (" and more" if rows.is_cut else "")
    data = {"columns": list(rows.columns), "rows": cells, "total": len(cells) + rows.is_cut}
    return ToolOutput(text=f"{sent}\n{text}", summary=summary, view="table", data=data)
