"""Limits of the sandbox floor. Plain values: whoever builds the floor fills them, nothing reads the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

MEGABYTE = 1024 * 1024

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxLimits:
    """What one session may take, and how many there may be."""

    memory_bytes: Positive = 512 * MEGABYTE
    """Memory of all processes and files of a session together; there is no swap."""
    processes: Annotated[int, Field(ge=16)] = 128
    """Processes and threads of a session."""
    cpus: Annotated[float, Field(gt=0)] = 1.0
    """Processors' worth of time."""
    work_bytes: Positive = 128 * MEGABYTE
    """Size of the session's folder."""
    work_files: Annotated[int, Field(ge=100)] = 4000
    """Files and folders in it."""
    temporary_bytes: Positive = 64 * MEGABYTE
    """Size of /tmp, where nothing can be executed."""
    run_seconds: Seconds = 30.0
    """Deadline of a run that asks for none."""
    max_run_seconds: Seconds = 300.0
    """Longest deadline that can be asked for."""
    compile_seconds: Seconds = 60.0
    """Deadline of the compile phase."""
    kept_output_bytes: Annotated[int, Field(ge=4096)] = 256 * 1024
    """Of stdout and of stderr so much is kept: the head and the tail, half and half."""
    max_output_bytes: Positive = 32 * MEGABYTE
    """A run that writes more is ended with `output_limit`."""
    max_file_bytes: Positive = 64 * MEGABYTE
    """Largest file taken or handed out."""
    max_artifacts: Positive = 100
    """Files of a run that are named; the rest can be listed."""
    max_sessions: Positive = 20
    """Sessions at once in one process."""
    max_sessions_each: Positive = 10
    """Sessions at once of one user."""
    idle_seconds: Seconds = 600.0
    """A session unused for so long is ended."""
    lifetime_seconds: Seconds = 3600.0
    """A session that asks for no lifetime is ended after this."""
    max_lifetime_seconds: Seconds = 24 * 3600.0
    """Longest lifetime that can be asked for."""
    pool: Annotated[int, Field(ge=0, le=50)] = 1
    """Sessions held ready before anybody asks, so that a first run starts at once; only while the sandbox is in use."""


DEFAULT_LIMITS = SandboxLimits()
