"""What a kind of job is: a name, a model of its arguments, and what does it. `registry` lists those there are."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from agents.runner import Runner
from backend.jobs.events import JobNoted, Refusal, Stage
from backend.jobs.types import Job
from knowledge.ingestion.ingestor import Ingestor
from knowledge.storage.database import Database


class JobParts(Protocol):
    """What jobs work with; the container of the composition root has it."""

    @property
    def database(self) -> Database: ...

    @property
    def runner(self) -> Runner: ...

    @property
    def ingestor(self) -> Ingestor: ...

    @property
    def local_ingestor(self) -> Ingestor:
        """Reads what the local user names on the command line, wherever it is; `ingestor` what anybody may name."""


class Arguments(BaseModel):
    """Base of the arguments of jobs, JSON: what stands here is checked before the job is queued."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a job leaves behind: its result, JSON."""

    result: dict[str, Any] = field(default_factory=dict)


Step = Stage | Refusal | JobNoted | Outcome | None
"""What a running job yields, about every second at least: where a stage stands (its rate and the time left are added),
a file refused, a line for the log, its result, or None to say that it is still at it."""

Steps = Generator[Step, None, None]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKind(Generic[Given]):
    """A kind of job.

    `run` does it. It is closed to stop it and called again to go on, with the job as it had become; what it commits
    must bear both. A named error fails the job with its sentence; any other is a mistake of ours and says so.
    """

    name: str
    arguments: type[Given]
    run: Callable[[JobParts, Job, Given], Steps]
