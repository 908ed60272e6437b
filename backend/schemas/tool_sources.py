"""Sources of tools, as they come in and as they are shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agents.events import Risk
from backend.schemas.base import Body, View

SourceName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z][A-Za-z0-9 ._-]*$")]
Variable = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Value = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]


class McpCommand(Body):
    """A program on the server's host that speaks MCP over its standard input and output. `environment` is shown to
    whoever looks at the source; values of `secrets`, environment variables, too, are kept sealed and shown nowhere."""

    command: str = Field(min_length=1, max_length=500)
    arguments: list[Annotated[str, Field(max_length=4_000)]] = Field(default_factory=list, max_length=100)
    environment: dict[Variable, Value] = Field(default_factory=dict, max_length=100)
    secrets: dict[Variable, Value] = Field(default_factory=dict, max_length=100)


class McpCommandView(View):
    command: str
    arguments: list[str]
    environment: dict[str, str]
    secret_names: list[str]


class ToolSourceCreate(Body):
    """`definition` is a toolset in YAML or an OpenAPI document as text; `url` is where one stands. The address that the
    tools call is that of the connection: what a document says of servers is not read. An MCP server has either a
    connection or a `command`."""

    kind: Literal["yaml", "openapi", "mcp"]
    name: SourceName
    connection_id: str = Field(
        default="", max_length=32, description="Where its tools are called; toolsets of commands alone need none."
    )
    command: McpCommand | None = None
    definition: str = Field(default="", max_length=8_000_000)
    url: str = Field(default="", max_length=2_000)
    trusted: bool = Field(
        default=False, description="mcp: whether the server's own hints decide what asks; otherwise all of it asks."
    )


class ToolChoice(Body):
    """`on` for exactly what the tool is now; `risk` is what you know of it."""

    on: bool | None = None
    risk: Risk | None = None


class ToolSourceUpdate(Body):
    """What is given changes. A new `definition` or `url` keeps what was decided for tools that are the same."""

    name: SourceName | None = None
    enabled: bool | None = None
    connection_id: str | None = Field(default=None, max_length=32)
    command: McpCommand | None = Field(default=None, description="Instead of the one before, secrets and all.")
    definition: str = Field(default="", max_length=8_000_000)
    url: str = Field(default="", max_length=2_000)
    refresh: bool = Field(default=False, description="mcp: read the server's tools again.")
    tools: dict[str, ToolChoice] = Field(default_factory=dict, max_length=5_000)


class ToolSourceView(View):
    """`tools` are all that it has, `on` those that may be called; `changed` were on and are not what they were then.
    `base_path` is what a document says that its paths are below: the connection's address should end with it."""

    id: str
    kind: str
    name: str
    connection_id: str | None
    enabled: bool
    title: str
    base_path: str
    tools: int
    on: int
    changed: int
    refused: int
    problem: str
    command: McpCommandView | None = None


class SourceToolView(View):
    """A tool of a source, on or not."""

    name: str
    method: str
    path: str
    title: str
    description: str
    risk: str
    state: Literal["on", "off", "changed"]


class RefusalView(View):
    operation: str
    reason: str


class SourceTools(View):
    items: list[SourceToolView]
    refusals: list[RefusalView]
    total: int
