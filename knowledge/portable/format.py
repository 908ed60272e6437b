"""What an export of a knowledge base holds: a zip that any tool opens, read again by this version and later ones.

    manifest.json      the base, its sources and its vectors
    documents.jsonl    one document a line, in the order they were made
    files/<sha256>     the raw files, each content once
    vectors/<n>-<m>    part m of the vectors of embedder n: for each text 16 bytes of its hash, then float32 numbers

Vectors go by the hash of the text that was embedded, so they fit whatever chunks are made of the documents again.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from knowledge.types import DocumentStatus

FORMAT: Final = "devops-chatbot knowledge base"
VERSION: Final = 1

MANIFEST, DOCUMENTS, FILES, VECTORS = "manifest.json", "documents.jsonl", "files/", "vectors/"
LONGEST_MANIFEST = 64 * 1024 * 1024
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_TEXT = 100_000
PART_BYTES = 32 * 1024 * 1024
HASH_BYTES = 16

_OPTIONS = frozenset({"include", "exclude", "hidden"})
"""The options of sources that travel: no others are known to hold neither secrets nor what only one machine has."""

_SECRET = re.compile(r"key|token|secret|password|passwd|signature|sig|auth|credential", re.IGNORECASE)

Natural = Annotated[int, Field(ge=0, lt=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ExportedSource(_Part):
    """Where documents came from on the machine that exported them."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    location: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    options: dict[str, Any] = Field(default_factory=dict)


class ExportedVectors(_Part):
    """The vectors of one embedder: `count` records in the members `parts`."""

    embedder: Annotated[str, Field(min_length=1, max_length=100)]
    dimension: Annotated[int, Field(ge=1, le=65_536)]
    count: Natural
    parts: tuple[Annotated[str, Field(pattern=r"^vectors/\d+-\d+$")], ...]


class Manifest(_Part):
    """What an export is of. `id` is its own, so that an import that was broken off can be told from another."""

    format: Literal["devops-chatbot knowledge base"] = FORMAT
    version: Literal[1] = VERSION
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    exported_at: datetime
    name: str
    description: str
    embedders: tuple[Annotated[str, Field(max_length=100)], ...]
    sources: tuple[ExportedSource, ...]
    document_count: Natural
    vectors: tuple[ExportedVectors, ...] = ()


class ExportedDocument(_Part):
    """A document; `source` is the place of its source in the manifest. Without a `content_hash` its file could not be
    had. Title and metadata are what was read in the file, and are read in it again."""

    source: Natural
    path: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    url: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    media_type: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    size: Natural = 0
    content_hash: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    modified_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    status: DocumentStatus
    error_code: Annotated[str, Field(max_length=100)] = ""
    error: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    title: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)


def vector_record(dimension: int) -> np.dtype[np.void]:
    """One text's hash and its vector, as they stand in a part."""
    return np.dtype([("hash", f"V{HASH_BYTES}"), ("vector", "<f4", (dimension,))])


def portable_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a source that mean the same on another machine."""
    return {name: value for name, value in options.items() if name in _OPTIONS}


def without_secrets(location: str) -> str:
    """A location without the password of its URL and without parameters that look like keys."""
    if "://" not in location:
        return location
    try:
        parts = urlsplit(location)
    except ValueError:
        return location
    query = parts.query
    if any(_SECRET.search(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([(name, value) for name, value in pairs if not _SECRET.search(name)])
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))
