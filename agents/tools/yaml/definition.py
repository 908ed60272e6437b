"""What a toolset in YAML may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Part):
    """A text in both languages."""

    en: str = Field(max_length=500)
    zh: str = Field(default="", max_length=500)


class Parameter(Part):
    """A variable of a template. `time` writes a moment in the form the platform takes; `paths` has a text of the
    toolset's own for each value, which `{{ name:path }}` puts in its place; `slashes` lets a value in a path hold
    several parts."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    description: str = Field(default="", max_length=1_000)
    required: bool = True
    default: Any = None
    enum: list[str | int] | None = Field(default=None, max_length=200)
    pattern: str = Field(default="", max_length=200)
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    time: Literal["unix", "unix_ms", "unix_ns", "rfc3339"] | None = None
    paths: dict[str, str] | None = None
    slashes: bool = False


class RequestTemplate(Part):
    """A request. In `path` a part in brackets is left out when a variable of it has no value, and so are entries of
    `query`, `headers`, `form` and `json`."""

    method: Method = "GET"
    path: str = Field(default="", max_length=2_000)
    query: dict[str, Any] | str = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    json_body: Any = Field(default=None, alias="json")
    form: dict[str, Any] | None = None
    media_type: str = ""


class Result(Part):
    """What is kept of an answer: `select` finds the rows; `columns` are paths within each of them;
    keys of `without` are left out wherever they stand."""

    select: str = Field(default="", max_length=500)
    view: Literal["text", "table", "log", "chart"] = "text"
    columns: dict[str, str] = Field(default_factory=dict)
    limit: int = Field(default=200, ge=1, le=5_000)
    label: str = ""
    points: str = ""
    time: str = ""
    text: str = ""
    error: str = ""
    without: list[str] = Field(default_factory=list, max_length=20)
    raw: bool = False
    newest_last: bool = True


class ToolDefinition(Part):
    """One tool. Its risk comes from the method unless it is written down."""

    name: Name
    title: Words | None = None
    description: str = Field(min_length=1, max_length=2_000)
    risk: Literal["read", "write", "destructive"] | None = None
    open_world: bool = False
    request: RequestTemplate
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    result: Result = Field(default_factory=Result)
    timeout_s: float = Field(default=30.0, gt=0, le=600)


class Toolset(Part):
    """Tools of one platform. `kind` is that of the connections they work on; `probe` is a path whose answer says
    whether a connection works; `permissions` is the least that its credentials need."""

    name: Name
    kind: str = Field(default="http", pattern=r"^[a-z][a-z0-9_]{0,49}$")
    title: Words | None = None
    description: Words | None = None
    permissions: Words | None = None
    example_url: str = ""
    auth: list[str] = Field(default_factory=list)
    secrets: dict[str, Words] = Field(default_factory=dict)
    probe: str = ""
    tools: list[ToolDefinition] = Field(min_length=1, max_length=500)


RISK_OF: Mapping[str, Literal["read", "write", "destructive"]] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "destructive",
}
