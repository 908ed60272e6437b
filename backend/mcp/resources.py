"""Knowledge as MCP resources: the bases, the documents of each, and every document by its id and by its path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mcp import types
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl
from sqlalchemy import Connection, select

from knowledge.errors import KnowledgeError, NotFound
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.database import Database
from knowledge.storage.documents import DocumentStore
from knowledge.storage.tables import documents
from knowledge.types import Document, KnowledgeBase, Scope

BASES = "knowledge://bases"
DOCUMENTS = "knowledge://documents"
LONGEST = 500_000
"""Characters of a document that are sent at once; `start` asks for what follows."""
_AT_ONCE = 200
_NOT_FOUND = -32002
_JSON, _PLAIN = "application/json", "text/plain"

TEMPLATES = tuple(
    types.ResourceTemplate(name=name, uriTemplate=template, description=description, mimeType=media_type)
    for name, template, description, media_type in (
        ("documents", f"{BASES}/{{knowledge_base}}{{?cursor}}", "The documents of a knowledge base, by path.", _JSON),
        ("document", f"{DOCUMENTS}/{{document_id}}{{?start}}", "The text of a document, by its id.", _PLAIN),
        (
            "document_at",
            f"{BASES}/{{knowledge_base}}/{{+path}}{{?start}}",
            "The text of a document, by its path in a knowledge base.",
            _PLAIN,
        ),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a scope may read; called in threads."""

    database: Database

    def page(self, scope: Scope, cursor: str) -> types.ListResourcesResult:
        """The list of bases, and each of them. Raises McpError for a cursor that is none."""
        with self.database.read() as connection:
            try:
                bases, following = KnowledgeBaseStore(connection, scope).page(limit=_AT_ONCE, cursor=cursor)
            except KnowledgeError as error:
                raise _failed(types.INVALID_PARAMS, str(error)) from None
        found = [_resource(_uri(base), base.name, base.description) for base in bases]
        first = () if cursor else (_resource(BASES, "Knowledge bases", "What there is to be searched."),)
        return types.ListResourcesResult(resources=[*first, *found], nextCursor=following)

    def read(self, scope: Scope, uri: str) -> list[ReadResourceContents]:
        """What stands at a URI of ours. Raises McpError."""
        parts = urlsplit(uri)
        kind = f"{parts.scheme}://{parts.netloc}"
        path = parts.path.removeprefix("/")
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.database.read() as connection:
            try:
                return [self._read(connection, scope, kind, path, asked)]
            except KnowledgeError as error:
                raise _failed(_NOT_FOUND, str(error)) from None

    def _read(
        self, connection: Connection, scope: Scope, kind: str, path: str, asked: dict[str, str]
    ) -> ReadResourceContents:
        store = KnowledgeBaseStore(connection, scope)
        if kind == BASES and not path:
            return _as_json(_all_bases(store))
        if kind == BASES:
            name, _, inside = path.partition("/")
            base = store.get(unquote(name))
            if not inside:
                return _as_json(_documents(connection, base, asked.get("cursor", "")))
            return _text(connection, base, _id_at(connection, base, unquote(inside)), asked)
        if kind == DOCUMENTS and path:
            query = select(documents.c.knowledge_base_id).where(documents.c.id == unquote(path))
            base_id: str | None = connection.scalar(query)
            if base_id is not None:
                return _text(connection, store.get(base_id), unquote(path), asked)
        raise NotFound("There is no such resource: knowledge://bases lists what there is.")


def _all_bases(store: KnowledgeBaseStore) -> list[dict[str, Any]]:
    found: list[KnowledgeBase] = []
    cursor: str | None = ""
    while cursor is not None:
        bases, cursor = store.page(limit=500, cursor=cursor)
        found += bases
    return [{"name": each.name, "description": each.description, "uri": _uri(each)} for each in found]


def _documents(connection: Connection, base: KnowledgeBase, cursor: str) -> dict[str, Any]:
    found, following = DocumentStore(connection, base).page(limit=_AT_ONCE, cursor=cursor)
    more = f"{_uri(base)}?cursor={quote(following, safe='')}" if following else None
    return {"knowledge_base": base.name, "documents": [_line(each) for each in found], "next": more}


def _line(document: Document) -> dict[str, str]:
    uri = f"{DOCUMENTS}/{document.id}"
    return {"uri": uri, "path": document.path, "title": document.title, "url": document.url}


def _id_at(connection: Connection, base: KnowledgeBase, path: str) -> str:
    query = select(documents.c.id).where(documents.c.knowledge_base_id == base.id, documents.c.path == path)
    found: Sequence[str] = connection.scalars(query.order_by(documents.c.id).limit(1)).all()
    if not found:
        raise NotFound(f"There is no document {path[:200]!r} in {base.name!r}.")
    return found[0]


def _text(connection: Connection, base: KnowledgeBase, document_id: str, asked: dict[str, str]) -> ReadResourceContents:
    content = DocumentStore(connection, base).content(document_id)
    given = asked.get("start", "0")
    start = int(given) if given.isascii() and given.isdecimal() and len(given) < 12 else 0
    text, end = content.text[start : start + LONGEST], start + LONGEST
    if len(content.text) > end:
        text += f"\n\n… the rest: {DOCUMENTS}/{document_id}?start={end}"
    media_type = "text/markdown" if content.document.path.endswith((".md", ".markdown")) else _PLAIN
    return ReadResourceContents(content=text, mime_type=media_type)


def _uri(base: KnowledgeBase) -> str:
    return f"{BASES}/{quote(base.name, safe='')}"


def _resource(uri: str, name: str, description: str) -> types.Resource:
    return types.Resource(uri=AnyUrl(uri), name=name, description=description or None, mimeType=_JSON)


def _as_json(value: Any) -> ReadResourceContents:
    return ReadResourceContents(content=json.dumps(value, ensure_ascii=False, indent=1), mime_type=_JSON)


def _failed(code: int, message: str) -> McpError:
    return McpError(types.ErrorData(code=code, message=message))
