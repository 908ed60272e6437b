"""A tool that is a request to a platform."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.http.client import HttpAnswer, HttpClient, HttpRequest, target_url
from agents.tools.http.endpoint import Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.openapi.answers import differences
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.decoding import decoded
from agents.tools.yaml.moments import Clock
from agents.tools.yaml.reach import CONNECTION, Reach
from agents.tools.yaml.rendering import render
from agents.tools.yaml.selecting import as_cell, select
from agents.tools.yaml.shaping import shape

_LONGEST_ERROR = 2_000
_CHECKED_AT_ONCE = 50_000
_LARGEST_CHECKED = 1_000_000
"""Bytes of an answer that are read without leaving the event loop, and those up to which it is compared with its
description."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpTool:
    """Calls a platform over one of its connections."""

    spec: ToolSpec
    tool: Compiled
    client: HttpClient
    reach: Reach
    clock: Clock = time.time

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Send the request. Raises ToolFailed with what was sent and what came back, without secrets."""
        endpoint, request = await self._request(arguments)
        try:
            answer = await self.client.send(endpoint, request)
        except RequestFailed as error:
            line = self.client.channel(endpoint).masker.mask(_line(request, endpoint))
            raise ToolFailed(f"{line} failed. {error}") from None
        sent = f"{request.method} {answer.url}"
        if not answer.is_success:
            raise ToolFailed(f"{sent} was answered with {answer.status}. {self._error_of(answer)}".strip())
        part = str(arguments.get(self.tool.select_argument) or "")
        if len(answer.body) <= _CHECKED_AT_ONCE:
            return self._output(answer, sent, part)
        return await anyio.to_thread.run_sync(self._output, answer, sent, part)

    async def preview(self, arguments: Mapping[str, Any]) -> str:
        """What a call would send, without secrets and without sending it. Raises ToolFailed."""
        endpoint, request = await self._request(arguments)
        headers = (f"{name}: {value}" for name, value in request.headers.items())
        body = ["", request.body.decode("utf-8", "replace")] if request.body else []
        masker = self.client.channel(endpoint).masker
        return masker.mask("\n".join([_line(request, endpoint), *headers, *body]))

    async def _request(self, arguments: Mapping[str, Any]) -> tuple[Endpoint, HttpRequest]:
        endpoint = await self.reach.endpoint(arguments)
        rest = {name: value for name, value in arguments.items() if name != CONNECTION}
        return endpoint, render(self.tool, rest, endpoint.secrets, self.clock)

    def _error_of(self, answer: HttpAnswer) -> str:
        path = self.tool.definition.result.error
        if path:
            try:
                said = as_cell(select(answer.json(), path))
            except ValueError:
                said = ""
            if said:
                return said[:_LONGEST_ERROR]
        return " ".join(answer.text.split())[:_LONGEST_ERROR]

    def _output(self, answer: HttpAnswer, sent: str, part: str) -> ToolOutput:
        result = self.tool.definition.result
        if part:
            result = result.model_copy(update={"select": part})
        value: Any = None
        if not result.raw:
            try:
                value = answer.json() if answer.body.strip() else None
            except ValueError:
                value = None
        if value is None and not answer.body.strip():
            return ToolOutput(text=f"{sent}\nHTTP {answer.status}, no content", summary=f"HTTP {answer.status}")
        try:
            made = shape(result, decoded(result.decode, value), answer.text)
        except ToolsetInvalid as error:
            raise ToolFailed(f"{sent} was answered, but {error}") from None
        lines = [sent, *self._notes(value, len(answer.body)), made.text]
        return replace(made, text="\n".join(lines), summary=made.summary or f"HTTP {answer.status}")

    def _notes(self, value: Any, size: int) -> list[str]:
        """What is unlike its description, which is no reason to lose an answer."""
        if self.tool.answer is None or value is None or size > _LARGEST_CHECKED:
            return []
        found = differences(value, self.tool.answer)
        return [f"Note, the answer is not as the API's document describes it: {'; '.join(found)}."] if found else []


def spec_of(
    tool: Compiled, *, source: str, connections: Mapping[str, str], name: str = "", reason: str = ""
) -> ToolSpec:
    """What is known of the tool; with several connections a caller says which one is meant."""
    definition = tool.definition
    schema = dict(tool.schema)
    if len(connections) > 1:
        choice = {"type": "string", "enum": sorted(connections), "description": "Which of the platforms is asked."}
        schema["properties"] = {CONNECTION: choice, **schema["properties"]}
        schema["required"] = [CONNECTION, *schema.get("required", [])]
    return ToolSpec(
        name=name or definition.name,
        title=definition.title.en if definition.title else "",
        title_zh=definition.title.zh if definition.title else "",
        description=definition.description,
        parameters=schema,
        risk=tool.risk,
        source=source,
        timeout_s=definition.timeout_s,
        reason=reason,
        open_world=definition.open_world,
    )


def _line(request: HttpRequest, endpoint: Endpoint) -> str:
    return f"{request.method} {target_url(endpoint.base_url, request.target)}"
