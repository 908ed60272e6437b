"""A page of the public web, read as text."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread

from agents.errors import ToolFailed
from agents.tools.http.client import HttpAnswer, HttpClient, HttpRequest
from agents.tools.http.endpoint import Endpoint, EndpointLimits
from agents.tools.http.failures import RequestFailed
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from knowledge.config import ParsingLimits
from knowledge.errors import KnowledgeError

_LIMITS = EndpointLimits(timeout_s=25.0, per_minute=60, concurrency=4, max_bytes=5_000_000)
_TEXTS = ("text/", "application/json", "application/xml", "application/xhtml+xml", "application/yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebPageTool:
    """Reads public pages; private addresses are never reached, whatever redirects or name servers say."""

    client: HttpClient

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name="web_page",
            title="A page of the web",
            title_zh="网页",
            description="Read one public page of the web as text, such as one that web_search found.",
            parameters={
                "type": "object",
                "properties": {"url": {"type": "string", "maxLength": 2_000, "description": "http or https address"}},
                "required": ["url"],
                "additionalProperties": False,
            },
            risk="read",
            source="web",
            timeout_s=30.0,
            open_world=True,
        )

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """The page's text. Raises ToolFailed."""
        url = str(arguments["url"]).partition("#")[0]
        path, mark, query = url.partition("?")
        endpoint = Endpoint(id="web", base_url=path, limits=_LIMITS)
        try:
            answer = await self.client.send(endpoint, HttpRequest(target=f"?{query}" if mark else ""))
        except RequestFailed as error:
            raise ToolFailed(f"GET {url[:300]} failed. {error}") from None
        if not answer.is_success:
            raise ToolFailed(f"GET {url[:300]} was answered with {answer.status}.")
        if not answer.media_type.startswith(_TEXTS):
            raise ToolFailed(f"GET {url[:300]} is {answer.media_type or 'of no known type'}, not a page of text.")
        title, text = await anyio.to_thread.run_sync(_read, answer)
        return ToolOutput(text=f"GET {answer.url}\n{title}\n\n{text}".strip(), summary=title or answer.url)


def _read(answer: HttpAnswer) -> tuple[str, str]:
    if answer.media_type not in ("text/html", "application/xhtml+xml"):
        return "", answer.text
    from knowledge.parsing import parse

    with tempfile.NamedTemporaryFile(suffix=".html", prefix="page-") as file:
        file.write(answer.body)
        file.flush()
        try:
            document = parse(Path(file.name), name="page.html", limits=ParsingLimits(), media_type=answer.media_type)
        except KnowledgeError as error:
            raise ToolFailed(f"GET {answer.url} cannot be read as a page: {error}") from None
    return document.title, document.text
