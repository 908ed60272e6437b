"""Settings of the knowledge floor. Plain models: whoever builds the floor fills them, nothing reads the environment.

Limits are frozen dataclasses, so that code below never sees pydantic; the models wrap and validate them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MEGABYTE = 1024 * 1024

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsingLimits:
    """What one file may cost to turn into text."""

    max_file_bytes: Positive = 512 * MEGABYTE
    """Largest file read; a larger one is FileTooLarge."""
    max_text_chars: Positive = 64 * MEGABYTE
    """Longest text made of a file, which takes about ten times its size in memory while it is split and indexed. Office
    files, PDF and the like are cut there with a warning; a longer plain file is FileTooLarge."""
    max_pages: Positive = 10_000
    """Pages of a PDF, slides, sheets or chapters that are read; the rest is left out with a warning."""
    max_table_columns: Positive = 1_000
    """Columns of a table that are kept."""
    max_unpacked_bytes: Positive = 1024 * MEGABYTE
    """Sum of the unpacked sizes inside an office file or book."""
    max_members: Positive = 20_000
    """Files inside an office file or book."""
    max_ratio: Positive = 200
    """Unpacked to packed size of one file inside an office file or book, once it is over 10 MB unpacked."""
    max_seconds: Seconds = 120.0
    """Wall time of one file in the isolated parser."""
    max_memory_bytes: Positive = 2048 * MEGABYTE
    """Address space of the isolated parser, where the system can limit it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveLimits:
    """What an uploaded zip may unpack to."""

    max_members: Positive = 100_000
    """Files in the archive, folders included."""
    max_member_bytes: Positive = 512 * MEGABYTE
    """Largest member read; larger ones are skipped by name."""
    max_unpacked_bytes: Positive = 8 * 1024 * MEGABYTE
    """Sum of the unpacked sizes; above it the archive is refused."""
    max_ratio: Positive = 200
    """Unpacked to packed size above which a member is skipped, and a whole archive refused."""
    ratio_applies_above: Positive = 10 * MEGABYTE
    """Unpacked bytes below which no ratio is suspicious (short repetitive logs pack very well)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchLimits:
    """What one request over HTTP may cost."""

    max_bytes: Positive = 64 * MEGABYTE
    """Largest body, counted both as received and after decompression."""
    max_redirects: Annotated[int, Field(ge=0)] = 5
    """Redirects followed, each checked like the first address."""
    max_seconds: Seconds = 60.0
    """Wall time of the whole fetch, redirects included."""
    connect_seconds: Seconds = 10.0
    """Wall time of one connection attempt."""
    read_seconds: Seconds = 20.0
    """Longest silence of the server."""


class ParsingConfig(BaseModel):
    """How files are turned into text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: ParsingLimits = ParsingLimits()
    processes: int = Field(
        default=1, ge=1, le=32, description="Isolated parser processes at once for each knowledge base being built."
    )
    memory_bytes: Positive = Field(
        default=896 * MEGABYTE,
        description="What all parser processes may take together; above it, the file that takes most is given up.",
    )


class ArchiveConfig(BaseModel):
    """How zip files are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: ArchiveLimits = ArchiveLimits()


class FetchConfig(BaseModel):
    """How pages are fetched. Private, loopback and metadata addresses are refused unless named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: FetchLimits = FetchLimits()
    user_agent: str = Field(default="DevOpsChatBot/0.1", min_length=1)
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names that may resolve to private addresses; `*.corp.example` covers subdomains."
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks in CIDR form that may be reached although they are not public."
    )
