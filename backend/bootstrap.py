"""The composition root: settings in, everything wired together out. The only place that knows every adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread

from agents.errors import UnknownPhase
from agents.models.catalogue import ModelCatalogue
from agents.runs import Runner
from backend.jobs.ports import JobQueue
from backend.jobs.store import SqlJobQueue
from backend.model_choice import ModelChoice
from backend.runs.performing import Performing
from backend.runs.service import RunService
from backend.security import Guard
from backend.settings import Settings
from backend.telemetry import Metrics
from knowledge.blobs import BlobStore
from knowledge.database import Database
from knowledge.embedding import BUILT_IN, EmbedderConfig, create_embedders
from knowledge.errors import InvalidInput
from knowledge.library import SqlLibrary
from knowledge.ports import Embedder
from knowledge.projections import Projections
from knowledge.retrieval import Retriever
from knowledge.types import Scope

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """Everything a process of ours works with. Nothing in it has been started or connected yet."""

    settings: Settings
    database: Database
    guard: Guard
    metrics: Metrics
    jobs: JobQueue
    catalogue: ModelCatalogue
    models: ModelChoice
    runner: Runner
    runs: RunService
    embedders: Mapping[str, Embedder]
    blobs: BlobStore
    projections: Projections

    def retriever(self, scope: Scope) -> Retriever:
        """What searches the knowledge bases that this scope may see."""
        library = SqlLibrary(self.database, scope)
        return Retriever(library=library, indexes=self.projections, embedders=self.embedders)

    def checked_embedders(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """These embedders, or for None those that new knowledge bases get. Raises InvalidInput for an unknown one."""
        if names is None:
            names = self.settings.default_embedders
        if names is None:
            names = BUILT_IN
        unknown = [name for name in names if name not in self.embedders]
        if unknown:
            raise InvalidInput(f"No embedder is named {unknown[0][:100]!r}; there is {', '.join(self.embedders)}.")
        return tuple(dict.fromkeys(names))

    def embedder_kind(self, name: str) -> str:
        """What kind of embedder this is: built-in, sentence-transformers or openai."""
        return next((each.kind for each in self.settings.embedders if each.name == name), "built-in")

    @property
    def phases(self) -> Mapping[str, str]:
        """What each phase is for, by name."""
        return {name: _PHASE_TEXTS.get(name, "") for name in self.runner.phases}

    def check_phase(self, name: str) -> None:
        """Raises UnknownPhase."""
        if name not in self.runner.phases:
            raise UnknownPhase(f"There is no phase named {name[:100]!r}; there is {', '.join(self.runner.phases)}.")

    async def in_thread(
        self, call: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        """The result of a call that may block, made off the event loop."""
        return await anyio.to_thread.run_sync(partial(call, *arguments, **named))


_PHASE_TEXTS = {"answer": "Answers from the knowledge bases, with a citation behind every sentence."}


def build(settings: Settings, **overrides: Any) -> Container:
    """A container for these settings. `overrides` replace parts by their field name (tests pass fakes)."""
    data = settings.data_dir.expanduser().absolute()
    database = overrides.get("database") or Database(settings.effective_database_url)
    metrics = overrides.get("metrics") or Metrics()
    catalogue = overrides.get("catalogue") or ModelCatalogue()
    models = overrides.get("models") or ModelChoice(settings=settings.model, catalogue=catalogue)
    embedders = overrides["embedders"] if "embedders" in overrides else _embedders(settings)
    runner = overrides.get("runner") or Runner(())
    perform = overrides.get("perform") or Performing(database=database, runner=runner, models=models)
    runs = overrides.get("runs") or RunService(
        database=database, perform=perform, settings=settings.runs, metrics=metrics
    )
    return Container(
        settings=settings,
        database=database,
        guard=overrides.get("guard") or Guard.of(settings),
        metrics=metrics,
        jobs=overrides.get("jobs") or SqlJobQueue(),
        catalogue=catalogue,
        models=models,
        runner=runner,
        runs=runs,
        embedders=embedders,
        blobs=BlobStore(data / "files"),
        projections=overrides.get("projections") or Projections(database, data / "indexes"),
    )


def _embedders(settings: Settings) -> Mapping[str, Embedder]:
    """The built-in embedders and those of the settings."""
    return create_embedders(
        EmbedderConfig(
            name=each.name,
            kind=each.kind,
            model=each.model,
            base_url=each.base_url,
            api_key=each.api_key.get_secret_value(),
            dimension=each.dimension,
            languages=frozenset(each.languages),
        )
        for each in settings.embedders
    )
