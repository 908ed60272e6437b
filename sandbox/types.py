"""What the sandbox takes and gives: languages, limits, runs, their events and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.network.access import NetworkAccess

ExitReason = Literal["finished", "error", "timeout", "memory", "killed", "output_limit"]
"""Why a run ended: by itself and well; by itself and not well; at its deadline; at the memory limit; by somebody or by
the system; because it wrote more than anybody reads."""

State = Literal["kept", "lost"]
"""Whether variables of the session outlived the run; files always do."""

Enforcement = Literal["kernel", "watched", "none"]
"""Who holds a limit: the kernel for the session as a whole, a watcher that looks every few moments, nobody."""


NotHeld = Literal["process_count", "file_count", "forbidden_calls", "hidden_agent"]
"""What an engine with a kernel of its own does not hold: how many processes a session has, and how many files; that a
forbidden call is refused, where that kernel answers it with something harmless instead; that code cannot look at the
session's own agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """Code to run in a session. `nonce` names this run: nothing that an earlier one sends is taken for it."""

    code: str
    language: str = "python"
    timeout_s: float = 30.0
    stdin: str = ""
    nonce: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """The next piece of what a run writes; `phase` is `run`, or `compile` before it."""

    stream: Literal["stdout", "stderr"]
    text: str
    phase: str = "run"


@dataclass(frozen=True, kw_only=True, slots=True)
class CompilationFinished:
    """A phase of a compiled language is over."""

    phase: str
    exit_code: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """Something to show: a plot, a table, the value of the last expression (`is_result`). `data` is text, base64 for
    binary types, by media type. All of it is as untrusted as the code that made it."""

    data: Mapping[str, Any]
    is_result: bool = False
    path: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A file that a run made or changed."""

    path: str
    media_type: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """Bytes that were left out of the middle of a stream: its head and tail are kept."""

    stdout: int = 0
    stderr: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The last event of a run."""

    reason: ExitReason
    exit_code: int | None = None
    signal: str = ""
    detail: str = ""
    duration_ms: float = 0.0
    dropped: Dropped = Dropped()
    artifacts: tuple[Artifact, ...] = ()
    skipped: tuple[str, ...] = ()
    """Names of what was made and cannot be handed out, with the reason."""
    state: State = "kept"


CodeEvent = Output | CompilationFinished | Shown | Finished


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEntry:
    """A regular file of a session's folder."""

    path: str
    size: int
    modified_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a session takes at the moment; None where nobody counts it."""

    memory_bytes: int | None = None
    processes: int | None = None
    file_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Availability:
    """Whether an adapter can work here; if not, `reason` says why and what to install or do."""

    available: bool
    reason: str = ""
    languages: tuple[str, ...] = ()
    enforcement: Mapping[str, Enforcement] = field(default_factory=dict)
    detail: str = ""
    not_held: tuple[NotHeld, ...] = ()
    missing: tuple[str, ...] = ()
    """Python packages of the image that this root does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionSpec:
    """What a new session is to be. `owner` is the process it belongs to; without a `network` it has none."""

    id: str
    owner: str
    installation: str
    network: NetworkAccess | None = None
