"""One page of the web, fetched again only when it changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from knowledge.parsing import supported
from knowledge.sources.fetcher import Fetched, Fetcher
from knowledge.sources.items import SourceItem

_NOT_IN_NAME = re.compile(r"[^\w.\-+~@%]+")
_LONGEST_PATH = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedPage:
    """What one visit found: the page, or no item when it has not changed; `cursor` is what to hand in next time."""

    item: SourceItem | None
    cursor: dict[str, Any]

    @property
    def changed(self) -> bool:
        """Whether there is anything to read."""
        return self.item is not None


@contextmanager
def fetch_page(url: str, fetcher: Fetcher, cursor: Mapping[str, Any] | None = None) -> Iterator[FetchedPage]:
    """Visit one page, with the cursor of the last visit if there was one. Raises FetchRefused.

    The item's file is there until the context ends. Its path is made of host and path of the URL asked for, so that a
    page keeps its identity when it redirects elsewhere one day.
    """
    known = dict(cursor or {})
    with fetcher.fetch(url, _conditions(known, url)) as fetched:
        if fetched.not_modified:
            yield FetchedPage(item=None, cursor=known)
            return
        yield FetchedPage(item=_item(url, fetched), cursor=_cursor(url, fetched))


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
