"""What the page Tools asks of the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from frontend.client import Api, ApiError
from frontend.session import api
from frontend.tools.paging import PAGE
from frontend.views import (
    AuditRow,
    Connection,
    ConnectionKind,
    ConnectionTest,
    Page,
    SourceTools,
    ToolList,
    ToolResult,
    ToolSource,
)

MOST = 500


class ToolsApi:
    """The API of tools, over the session's own."""

    def __init__(self, own: Api) -> None:
        self._api = own

    def kinds(self) -> list[ConnectionKind]:
        return self._api.get(Page[ConnectionKind], "/connection-kinds").items

    def connections(self) -> list[Connection]:
        return self._api.get(Page[Connection], "/connections", {"limit": MOST}).items

    def create_connection(self, body: dict[str, Any]) -> Connection:
        return self._api.send(Connection, "POST", "/connections", body)

    def change_connection(self, connection_id: str, body: dict[str, Any]) -> Connection:
        return self._api.send(Connection, "PATCH", f"/connections/{_part(connection_id)}", body)

    def delete_connection(self, connection_id: str) -> None:
        self._api.delete(f"/connections/{_part(connection_id)}")

    def test_connection(self, connection_id: str) -> ConnectionTest:
        return self._api.send(ConnectionTest, "POST", f"/connections/{_part(connection_id)}/test", None)

    def sources(self) -> list[ToolSource]:
        return self._api.get(Page[ToolSource], "/tool-sources", {"limit": MOST}).items

    def create_source(self, body: dict[str, Any]) -> ToolSource:
        return self._api.send(ToolSource, "POST", "/tool-sources", body)

    def change_source(self, source_id: str, body: dict[str, Any]) -> ToolSource:
        return self._api.send(ToolSource, "PATCH", f"/tool-sources/{_part(source_id)}", body)

    def delete_source(self, source_id: str) -> None:
        self._api.delete(f"/tool-sources/{_part(source_id)}")

    def source_tools(self, source_id: str, query: str, start: int) -> SourceTools:
        asked = {"query": query, "limit": PAGE, "offset": start}
        return self._api.get(SourceTools, f"/tool-sources/{_part(source_id)}/tools", asked)

    def tools(self, query: str, start: int) -> ToolList:
        return self._api.get(ToolList, "/tools", {"query": query, "limit": PAGE, "offset": start}, timeout=60.0)

    def decide(self, name: str, policy: str | None) -> None:
        self._api.send(dict[str, Any], "PATCH", f"/tools/{_part(name)}", {"policy": policy})

    def call(self, name: str, arguments: dict[str, Any], *, dry_run: bool) -> ToolResult:
        """What the call came to, or that it waits. Raises ApiError."""
        body = {"arguments": arguments, "dry_run": dry_run}
        return self._result(f"/tools/{_part(name)}/calls", body)

    def decide_call(self, approval_id: str, *, approved: bool) -> ToolResult:
        """What became of a call that waited. Raises ApiError."""
        return self._result(f"/tools/approvals/{_part(approval_id)}", {"decision": "approve" if approved else "reject"})

    def record(self, wanted: dict[str, str], cursor: str) -> Page[AuditRow]:
        """A page of the record; `wanted` are the filters that the API has."""
        asked = {name: value for name, value in {**wanted, "cursor": cursor}.items() if value}
        return self._api.get(Page[AuditRow], "/audit", {**asked, "limit": PAGE})

    def exported_record(self, wanted: dict[str, str]) -> bytes:
        """All of the record that meets the filters, as CSV."""
        return self._api.download("/audit/export", {**wanted, "format": "csv"})

    def _result(self, path: str, body: dict[str, Any]) -> ToolResult:
        try:
            return self._api.send(ToolResult, "POST", path, body)
        except ApiError as error:
            if error.code != "approval_required":
                raise
            asked = error.details
            return ToolResult(
                status="approval_required",
                reason=str(error),
                reason_code=str(asked.get("reason_code", "")),
                risk=str(asked.get("risk", "")),
                approval_id=str(asked.get("approval_id", "")),
                arguments=dict(asked.get("arguments") or {}),
                round=int(asked.get("round") or 1),
            )


def tools_api() -> ToolsApi:
    """The API of tools as this browser may use it."""
    return ToolsApi(api())


def _part(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E") or "-"
