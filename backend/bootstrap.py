"""The composition root: settings in, everything wired together out. The only place that knows every adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread

from agents.answering.phase import AnswerPhase
from agents.answering.ports import Searcher, SearcherFor
from agents.commands.phase import CommandPhase
from agents.models.catalogue import ModelCatalogue
from agents.phases.builtin import BUILT_IN as BUILT_IN_PHASES
from agents.phases.catalogue import OwnPhases, PhaseCatalogue
from agents.phases.parts import PhaseParts
from agents.phases.phase import Phase
from agents.runner import Runner
from agents.scheduler.phase import DeclaredPhase
from agents.tools.builtin import BuiltinTools
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.commands.allowed import AllowedCommands
from agents.tools.http.client import HttpClient
from agents.tools.mcp.processes import McpProcesses
from agents.tools.meaning import ToolMeanings
from agents.tools.ports import ToolSource
from agents.tools.registry import ToolRegistry
from agents.tools.search import ToolSearch
from backend.accounts.authentication import Authentication
from backend.accounts.guard import Guard
from backend.accounts.sealing import Sealer
from backend.accounts.visits import Proxies
from backend.jobs.following import JobFollower, job_reader
from backend.jobs.queue import JobQueue
from backend.jobs.registry import KINDS
from backend.knowledge_bases.judged import judged_readers
from backend.knowledge_bases.pages import DocumentPages
from backend.knowledge_bases.paths import PathPolicy
from backend.models.resolver import ModelResolver
from backend.phases.availability import Abilities
from backend.phases.introduction import Introducer
from backend.phases.store import StoredPhases
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.runs.capacity import Capacity
from backend.runs.contexts import RunContexts
from backend.runs.execution import RunExecution
from backend.runs.service import RunService
from backend.sandboxes.assembly import build_sandbox
from backend.sandboxes.code_runner import SandboxCodeRunner
from backend.settings import Settings
from backend.telemetry import MeasuredSearcher, Metrics
from backend.tool_sources.adapters import StoredToolSources
from backend.tools.audit import SqlToolAudit
from backend.tools.calls import ToolCalls
from backend.tools.documents import ToolDocuments
from backend.tools.outputs import ArtifactOutputs
from backend.tools.toolboxes import ToolBoxes
from knowledge.answering import Answerer
from knowledge.embedding import BUILT_IN, EmbedderConfig, OwnedEmbedder, create_embedders
from knowledge.embedding.embedding_cache import CachedEmbedder
from knowledge.errors import InvalidInput
from knowledge.indexes.projections import Projections
from knowledge.ingestion.ingestor import Ingestor
from knowledge.ingestion.processing import Parser
from knowledge.parsing.isolation import IsolatedParser
from knowledge.ports import Embedder
from knowledge.retrieval.retriever import Retriever
from knowledge.sources import Fetcher, SourceReader, source_readers
from knowledge.storage.blobs import BlobStore
from knowledge.storage.database import Database
from knowledge.storage.file_blobs import FileBlobStore
from knowledge.storage.library import SqlLibrary
from knowledge.types import Scope
from sandbox.sessions.service import SessionService

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MakePhase = Callable[[PhaseParts], Phase]
"""A phase that is made in code rather than declared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """Everything a process of ours works with. Nothing in it has been started or connected yet."""

    settings: Settings
    database: Database
    guard: Guard
    proxies: Proxies
    authentication: Authentication
    sealer: Sealer
    metrics: Metrics
    processes: ProcessRegistry
    jobs: JobQueue
    job_follower: JobFollower
    catalogue: ModelCatalogue
    models: ModelResolver
    runner: Runner
    toolboxes: ToolBoxes
    tool_calls: ToolCalls
    tool_search: ToolSearch
    contexts: RunContexts
    runs: RunService
    capacity: Capacity
    paths: PathPolicy
    embedders: Mapping[str, OwnedEmbedder]
    blobs: BlobStore
    artifact_files: BlobStore
    projections: Projections
    parser: Parser
    pages: DocumentPages
    """Pages of documents as pictures."""
    fetcher: Fetcher
    http: HttpClient
    """What speaks to platforms, for all tools."""
    mcp_servers: McpProcesses
    """The MCP servers that run on this host."""
    readers: Mapping[str, SourceReader]
    """What reads sources, by kind."""
    ingestor: Ingestor
    local_ingestor: Ingestor
    """Reads what the local user names on the command line, wherever it is; `ingestor` what anybody may name."""
    sandbox: SessionService
    """Sessions that run untrusted code."""
    abilities: Abilities
    """What there is of the things that phases require."""
    prepare: Callable[[], None]
    """Loads what the phases need, so that the first run is as fast as the second. May be called in a thread."""

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
    def phases(self) -> PhaseCatalogue:
        """The phases that a run can be asked for."""
        return self.runner.phases

    def close(self) -> None:
        """Give back connections, child processes and the memory of models."""
        for owned in (self.fetcher, self.parser, *self.embedders.values()):
            close = getattr(owned, "close", None)
            if close is not None:
                close()
        self.database.close()

    async def in_thread(
        self, call: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        """The result of a call that may block, made off the event loop."""
        return await anyio.to_thread.run_sync(partial(call, *arguments, **named))


def build(settings: Settings, *, phases: Sequence[MakePhase] = (), **overrides: Any) -> Container:
    """A container for these settings. `phases` are made in code, beside those of the registry. `overrides` replace
    parts by name, such as `runner` or `embedders` (tests pass fakes). Raises InvalidInput for settings that contradict
    each other."""

    def part(name: str, make: Callable[[], Any]) -> Any:
        return overrides[name] if name in overrides else make()

    data = settings.data_dir.expanduser().absolute()
    database = part("database", lambda: Database(settings.effective_database_url))
    metrics = part("metrics", Metrics)
    catalogue = part("catalogue", ModelCatalogue)
    sealer = part("sealer", lambda: Sealer.of(settings))
    models = part("models", lambda: ModelResolver(settings=settings.model, catalogue=catalogue, sealer=sealer))
    embedders = part("embedders", lambda: _embedders(settings))
    blobs = part("blobs", lambda: FileBlobStore(data / "files"))
    artifact_files = part("artifact_files", lambda: FileBlobStore(data / "artifacts"))
    projections = part("projections", lambda: Projections(database, data / "indexes"))
    parser = part("parser", lambda: _parser(settings))
    fetcher = part("fetcher", lambda: Fetcher(settings.fetch))
    readers = part("readers", lambda: source_readers(fetcher, settings.archives.limits))
    cached = {name: CachedEmbedder(embedder) for name, embedder in embedders.items()}

    def searcher_for(scope: Scope) -> Searcher:
        library = SqlLibrary(database, scope)
        return MeasuredSearcher(Retriever(library=library, indexes=projections, embedders=cached), metrics)

    tool_search = part("tool_search", lambda: _tool_search(embedders))
    own_phases = part("own_phases", lambda: StoredPhases(database=database))
    runner = part("runner", lambda: _runner(database, settings, phases, own_phases, searcher_for, cached, tool_search))
    capacity = Capacity(settings.runs.max_active)
    processes = ProcessRegistry(this_process("api"), silent_after_s=settings.runs.lease_seconds)
    paths = PathPolicy.of(settings)

    def ingestor(policy: PathPolicy) -> Ingestor:
        return Ingestor(
            database=database,
            blobs=blobs,
            projections=projections,
            embedders=embedders,
            parser=parser,
            readers=judged_readers(readers, policy),
            parsing=settings.parsing.limits,
        )

    jobs = part("jobs", lambda: JobQueue(KINDS, processes))
    own_ingestor = ingestor(paths)

    def tool_sources() -> Sequence[ToolSource]:
        documents = ToolDocuments(database=database, blobs=blobs, ingestor=own_ingestor, jobs=jobs)
        parts = BuiltinParts(searcher_for=searcher_for, documents=documents, now=lambda: datetime.now(UTC))
        return (BuiltinTools(parts),)

    http = part("http", HttpClient)
    mcp_servers = McpProcesses()
    stored_sources = StoredToolSources(
        database=database,
        sealer=sealer,
        client=http,
        servers=mcp_servers,
        mcp_commands=settings.tools.mcp_commands,
        commands=AllowedCommands(entries=settings.tools.read_commands),
    )
    toolboxes = ToolBoxes(
        database=database,
        registry=ToolRegistry(part("tool_sources", tool_sources), more=stored_sources.sources),
        audit=SqlToolAudit(database),
        keeper=ArtifactOutputs(database, artifact_files),
    )
    sandbox = part("sandbox", lambda: build_sandbox(settings, database, processes))
    code = part("code", lambda: SandboxCodeRunner(sandbox, settings.sandbox.network.agent_hosts))
    contexts = RunContexts(database=database, models=models, toolboxes=toolboxes, code=code)
    execute = part("execute", lambda: RunExecution(runner=runner, contexts=contexts))
    return Container(
        settings=settings,
        database=database,
        guard=Guard.of(settings),
        proxies=Proxies(settings.api.trusted_proxies),
        authentication=part("authentication", lambda: Authentication(settings.token.get_secret_value(), database)),
        sealer=sealer,
        metrics=metrics,
        processes=processes,
        jobs=jobs,
        job_follower=JobFollower(job_reader(database, jobs)),
        catalogue=catalogue,
        models=models,
        runner=runner,
        toolboxes=toolboxes,
        mcp_servers=mcp_servers,
        tool_calls=ToolCalls(
            database=database, toolboxes=toolboxes, sealer=sealer, approval_minutes=settings.tools.approval_minutes
        ),
        tool_search=tool_search,
        contexts=contexts,
        runs=RunService(
            database=database,
            execute=execute,
            processes=processes,
            settings=settings.runs,
            metrics=metrics,
            capacity=capacity,
        ),
        capacity=capacity,
        paths=paths,
        embedders=embedders,
        blobs=blobs,
        artifact_files=artifact_files,
        projections=projections,
        parser=parser,
        pages=DocumentPages(parser, settings.parsing.limits),
        fetcher=fetcher,
        http=http,
        readers=readers,
        ingestor=own_ingestor,
        local_ingestor=ingestor(paths.for_local_user()),
        sandbox=sandbox,
        abilities=part("abilities", lambda: Abilities.of(models, toolboxes, code)),
        prepare=part("prepare", lambda: runner.phases.prepare),
    )


def _parser(settings: Settings) -> IsolatedParser:
    return IsolatedParser(settings.parsing.processes, memory_bytes=settings.parsing.memory_bytes)


def _runner(
    database: Database,
    settings: Settings,
    phases: Sequence[MakePhase],
    own: OwnPhases,
    searcher_for: SearcherFor,
    embedders: Mapping[str, Embedder],
    tool_search: ToolSearch,
) -> Runner:
    built_in = [embedders[name] for name in BUILT_IN if name in embedders]
    fast = built_in[0] if built_in else None
    parts = PhaseParts(
        searcher_for=searcher_for,
        extractor=Answerer(fast, *built_in[1:2]),
        embedder=fast,
        # A search that asks an endpoint for its vectors waits more than it computes.
        search_threads=4 if any(each.kind == "openai" for each in settings.embedders) else 1,
        approval_seconds=settings.runs.approval_hours * 3600,
        introduce=Introducer(database=database, entries=lambda scope: phase_catalogue.entries(scope)),
    )
    answering = AnswerPhase.of(parts)
    phase_catalogue = PhaseCatalogue(
        [make(parts) for make in phases],
        built_in=BUILT_IN_PHASES,
        own=own,
        compiled=lambda definition: DeclaredPhase(definition, parts, answering=answering),
        commands=CommandPhase(parts, tool_search, lambda scope: phase_catalogue.entries(scope)),
    )
    return Runner(phase_catalogue)


def _tool_search(embedders: Mapping[str, Embedder]) -> ToolSearch:
    """By words, and by meaning where the fast built-in embedder is there."""
    fast = next((embedders[name] for name in BUILT_IN if name in embedders), None)
    return ToolSearch(ToolMeanings(fast) if fast is not None else None)


def _embedders(settings: Settings) -> Mapping[str, OwnedEmbedder]:
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
