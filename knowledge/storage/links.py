"""What a link in a document may point to, as keys that documents carry too."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urljoin, urlsplit

from knowledge.types import Link

_PAGE_SUFFIXES = (".md", ".mdx", ".markdown", ".rst", ".html", ".htm", ".txt", ".ipynb", ".adoc", ".qmd")
_INDEX_NAMES = ("index", "_index", "readme")
_MOST_LINKS = 2000


def page_key(source_id: str, path: str) -> str:
    """The key of a page within its source: `guide/Setup.md`, `guide/setup/` and `guide/setup/index.html` are one."""
    name = posixpath.normpath("/" + path.replace("\\", "/")).casefold().lstrip("/")
    stem, suffix = posixpath.splitext(name)
    name = stem if suffix in _PAGE_SUFFIXES else name
    folder, _, last = name.rpartition("/")
    return _digest(f"page\n{source_id}\n{folder if last in _INDEX_NAMES else name}")


def url_key(url: str) -> str:
    """The key of a web page, whatever its scheme and fragment; empty for what is no http URL."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    path = unquote(parts.path).rstrip("/").removesuffix("/index.html").removesuffix(".html")
    return _digest(f"url\n{parts.netloc.casefold()}\n{path}\n{parts.query}")


def resolve_links(source_id: str, path: str, url: str, links: Iterable[Link]) -> dict[str, Link]:
    """The first link to each key that the links of a document may mean, its own left out."""
    own = {page_key(source_id, path), url_key(url)}
    found: dict[str, Link] = {}
    for link in links:
        for key in _keys(source_id, path, url, link.target):
            if key and key not in own:
                found.setdefault(key, link)
        if len(found) >= _MOST_LINKS:
            break
    return found


def _keys(source_id: str, path: str, url: str, target: str) -> Iterator[str]:
    try:
        parts = urlsplit(target.strip())
    except ValueError:
        return
    if parts.scheme in ("http", "https"):
        yield url_key(target)
        return
    if parts.scheme or parts.netloc or not parts.path:
        return
    if url:
        yield url_key(urljoin(url, target))
    place = unquote(parts.path)
    if place.startswith("/"):
        yield page_key(source_id, place)
        return
    yield page_key(source_id, posixpath.join(posixpath.dirname(path), place))
    if not posixpath.splitext(place)[1]:
        # Site generators serve setup.md as setup/, so that its relative links begin one level deeper.
        yield page_key(source_id, posixpath.join(posixpath.splitext(path)[0], place))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
