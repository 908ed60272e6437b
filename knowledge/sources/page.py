"""One page of the web."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from knowledge.errors import FetchRefused
from knowledge.parsing import supported
from knowledge.sources.fetcher import Fetched, Fetcher
from knowledge.sources.items import Reading, SourceItem
from knowledge.sources.options import SourceOptions
from knowledge.sources.reader import ReadRequest

_NOT_IN_NAME = re.compile(r"[^\w.\-+~@%]+")
_LONGEST_PATH = 300


class PageReader:
    """Reads one page of the web, fetched again only when it changed.

    Its path is made of host and path of the URL asked for, so that a page keeps its identity when it redirects
    elsewhere one day.
    """

    kind = "web"
    options = SourceOptions
    is_local = False

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        """Raises FetchRefused for a page that was there before; one that never came is a failed item."""
        url = request.location
        known = {} if request.fresh or not request.known else request.cursor
        with ExitStack() as stack:
            try:
                fetched = stack.enter_context(self._fetcher.fetch(url, _conditions(known, url)))
            except FetchRefused as error:
                if request.known:
                    raise
                reading = Reading(iter((_failed(url, error),)), cursor=None)
            else:
                reading = _reading(url, fetched, known)
            yield reading


def _reading(url: str, fetched: Fetched, known: Mapping[str, Any]) -> Reading:
    if fetched.not_modified:
        return Reading(iter(()), cursor=known, unchanged=True)
    return Reading(iter((_item(url, fetched),)), cursor=_cursor(url, fetched))


def _failed(url: str, error: FetchRefused) -> SourceItem:
    return SourceItem(path=page_path(url), url=url, status="failed", reason=str(error), code=error.code)


def page_path(url: str) -> str:
    """Host and path of a URL as a relative POSIX path that names a file; the query is part of the name."""
    parts = urlsplit(url)
    steps = [step for step in unquote(parts.path).split("/") if step not in ("", ".", "..")]
    name = "/".join(_NOT_IN_NAME.sub("-", step) for step in [parts.hostname or "page", *steps])
    if parts.query:
        name += "-" + _NOT_IN_NAME.sub("-", unquote(parts.query)).strip("-")
    return name[:_LONGEST_PATH]


def _conditions(cursor: Mapping[str, Any], url: str) -> dict[str, str]:
    if cursor.get("url") != url:
        return {}
    pairs = (("If-None-Match", cursor.get("etag")), ("If-Modified-Since", cursor.get("last_modified")))
    return {name: value for name, value in pairs if isinstance(value, str) and value.isascii() and value.isprintable()}


def _cursor(url: str, fetched: Fetched) -> dict[str, Any]:
    pairs = (("etag", fetched.headers.get("etag")), ("last_modified", fetched.headers.get("last-modified")))
    return {"url": url, **{key: value for key, value in pairs if value}}


def _item(url: str, fetched: Fetched) -> SourceItem:
    path = page_path(url)
    if fetched.media_type in ("text/html", "application/xhtml+xml") and not path.endswith((".html", ".htm", ".xhtml")):
        # What a server sends as HTML is HTML, whatever its address ends in ("/v1.2", "/node.js").
        path += ".html" if supported(path) else ""
    return SourceItem(
        path=path,
        size=fetched.size,
        url=fetched.url,
        media_type=fetched.media_type or None,
        modified=_modified(fetched.headers.get("last-modified", "")),
        opener=lambda: nullcontext[Path](fetched.path),
    )


def _modified(value: str) -> float:
    try:
        return parsedate_to_datetime(value).timestamp() if value else 0.0
    except (ValueError, TypeError, OverflowError):
        return 0.0
