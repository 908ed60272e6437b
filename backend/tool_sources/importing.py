"""Makes the definition of a source of what an operator gave: a text, or the address of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from agents.tools.http.client import HttpClient, HttpRequest
from agents.tools.http.endpoint import Endpoint, EndpointLimits
from agents.tools.http.failures import RequestFailed
from agents.tools.mcp.client import http_session, read_tools
from agents.tools.mcp.process import ServerCommand
from agents.tools.mcp.processes import brief_session
from agents.tools.mcp.tool import records_of
from agents.tools.openapi.document import LONGEST, read_document
from agents.tools.openapi.operations import import_operations
from agents.tools.yaml.loading import load_toolset
from backend.errors import Invalid
from backend.models.addresses import known_address
from backend.tool_sources.store import Kind
from knowledge.text.storable import storable_json

_LIMITS = EndpointLimits(timeout_s=60.0, max_bytes=LONGEST)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a source is to be made of: `text`, or what stands at `url`."""

    kind: Kind
    name: str
    text: str = ""
    url: str = ""
    trusted: bool = False


async def read_definition(
    given: Given, client: HttpClient, connected: Endpoint | None, command: ServerCommand | None = None
) -> str:
    """The definition to be stored: of an MCP server what it says over its connection, or when it is started by its
    command. Raises Invalid, ToolsetInvalid."""
    if given.kind == "mcp":
        return await _from_server(given, client, connected, command)
    if command is not None or (connected is None and given.kind != "yaml"):
        raise Invalid("Only an MCP server is started by a command; anything else is called over a connection.")
    text = given.text
    if given.url:
        if text:
            raise Invalid("Give either the text or its address.")
        text = await _fetched(given.url, client, connected)
    if not text.strip():
        raise Invalid("Give the text (`definition`) or its address (`url`).")
    return await anyio.to_thread.run_sync(_made, given, text)


async def _from_server(
    given: Given, client: HttpClient, connected: Endpoint | None, command: ServerCommand | None
) -> str:
    if given.text or given.url:
        raise Invalid("The tools of an MCP server are read from itself: leave out `definition` and `url`.")
    if command is not None and connected is None:
        said = await read_tools(brief_session(command))
    elif connected is not None and command is None:
        said = await read_tools(http_session(client, connected))
    else:
        raise Invalid("An MCP server has a connection (`connection_id`) or a command (`command`), one of the two.")
    records = list(records_of(said, given.name, trusted=given.trusted))
    known = {each["path"] for each in records}
    refused = [str(each.get("name"))[:100] for each in said if each.get("name") not in known]
    reason = "its name or its schema cannot be used"
    refusals = [{"operation": each, "reason": reason} for each in refused]
    return _written({"title": given.name, "tools": records, "refusals": refusals})


async def _fetched(url: str, client: HttpClient, connected: Endpoint | None) -> str:
    """The text at an address. The platform that is connected is asked as it is for every call; any other address must
    be public, and gets no credentials."""
    path, mark, query = url.partition("#")[0].partition("?")
    endpoint = Endpoint(id="import", base_url=path, limits=_LIMITS)
    if connected is not None and known_address(connected.base_url, "").origin == known_address(url, "").origin:
        endpoint = Endpoint(
            id=f"{connected.id} import",
            base_url=path,
            auth=connected.auth,
            tls=connected.tls,
            limits=_LIMITS,
            allow_private=connected.allow_private,
        )
    try:
        answer = await client.send(endpoint, HttpRequest(target=f"?{query}" if mark else ""))
    except RequestFailed as error:
        raise Invalid(f"{url[:300]} cannot be read. {error}") from None
    if not answer.is_success:
        raise Invalid(f"{url[:300]} was answered with {answer.status}.")
    return answer.text


def _made(given: Given, text: str) -> str:
    if given.kind == "yaml":
        load_toolset(text)
        return text
    imported = import_operations(read_document(text), given.name)
    if not imported.tools:
        first = imported.refusals[0] if imported.refusals else None
        why = f"The first of them, {first.operation}: {first.reason}." if first else ""
        raise Invalid(f"No tool can be made of any operation of the document. {why}")
    kept: Mapping[str, Any] = {
        "title": imported.title,
        "base_path": imported.base_path,
        "url": given.url,
        "tools": list(imported.tools),
        "refusals": [{"operation": each.operation, "reason": each.reason} for each in imported.refusals],
    }
    return _written(kept)


def _written(definition: Mapping[str, Any]) -> str:
    """The definition as it is stored and shown, without what neither a database nor an answer can hold."""
    return json.dumps(storable_json(definition), ensure_ascii=False, default=str)
