"""The phases there are: those made in code, those of the registry, and those that users wrote, each compiled once."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.errors import ModelRequired, RequirementMissing, UnknownPhase
from agents.phases.builtin import built_in_definition
from agents.phases.context import RunContext
from agents.phases.definition import PhaseDefinition
from agents.phases.findings import PhaseInvalid, did_you_mean
from agents.phases.phase import Description, Phase, Requirement
from agents.phases.reading import read_phase
from knowledge.types import Scope

CompilePhase = Callable[[PhaseDefinition], Phase]

MOST_COMPILED = 64
MOST_READ = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnPhase:
    """A phase that a user wrote, in one of its versions. `id` is another one when a name is used again."""

    id: str
    name: str
    version: int
    text: str


class OwnPhases(Protocol):
    """Where the phases of users are kept; called in threads."""

    def find(self, scope: Scope, name: str, version: int | None = None) -> OwnPhase | None:
        """That version, or the newest."""
        ...

    def all(self, scope: Scope) -> Sequence[OwnPhase]:
        """The newest version of each, by name."""
        ...


class _None:
    def find(self, scope: Scope, name: str, version: int | None = None) -> OwnPhase | None:
        return None

    def all(self, scope: Scope) -> Sequence[OwnPhase]:
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseEntry:
    """A phase as it is offered. `version` is None for those that come with the product; without `definition` it was
    made in code, or, if `problem` says so, its text is no phase for this version of the product."""

    name: str
    title: Description
    description: Description
    requires: frozenset[Requirement] = frozenset()
    definition: PhaseDefinition | None = None
    version: int | None = None
    problem: str = ""


def entry_of(definition: PhaseDefinition, version: int | None = None) -> PhaseEntry:
    """What is offered of a definition."""
    return PhaseEntry(
        name=definition.name,
        title=Description(en=definition.title.en, zh=definition.title.zh),
        description=Description(en=definition.description.en, zh=definition.description.zh),
        requires=frozenset(definition.requires),
        definition=definition,
        version=version,
    )


class PhaseCatalogue:
    """Phases by name, in the order they are offered. What is made in code comes first, then the registry, and no user's
    phase takes a name of theirs."""

    def __init__(
        self,
        phases: Iterable[Phase] = (),
        *,
        built_in: Sequence[str] = (),
        own: OwnPhases | None = None,
        compiled: CompilePhase | None = None,
        commands: Phase | None = None,
    ) -> None:
        """`built_in` are names of the registry; `compiled` makes phases of definitions, and without it there are only
        those made in code. `commands` does what is typed after a slash: a phase that nobody chooses and that is not
        offered; it also proposes tools where a phase would need a model to choose them."""
        self._phases = {phase.name: phase for phase in phases}
        self._coded = tuple(self._phases)
        self._built_in = tuple(name for name in built_in if name not in self._phases)
        self._own: OwnPhases = own or _None()
        self._compile = compiled
        self._commands = commands
        self._recent: OrderedDict[tuple[str, int], Phase] = OrderedDict()
        self._read: dict[tuple[str, int], PhaseEntry] = {}
        self._lock = threading.Lock()

    @property
    def reserved(self) -> tuple[str, ...]:
        """The names that no user's phase can have."""
        return (*self._built_in, *self._coded, *(() if self._commands is None else (self._commands.name,)))

    def get(self, name: str, scope: Scope, version: int | None = None) -> Phase:
        """The phase of this name, or that version of a user's own. May read the database. Raises UnknownPhase,
        PhaseInvalid."""
        phase = self._reserved(name) if version is None else None
        if phase is not None:
            return phase
        own = self._own.find(scope, name, version)
        if own is None:
            raise UnknownPhase(self._unknown(name, scope, version))
        return self._compiled(own)

    async def phase_for(self, context: RunContext) -> Phase:
        """The phase of a run that has what it requires. Raises UnknownPhase, PhaseInvalid, ModelRequired,
        RequirementMissing."""
        spec = context.spec
        phase = self._reserved(spec.phase) if spec.phase_version is None else None
        if phase is None:
            phase = await asyncio.to_thread(self.get, spec.phase, spec.scope, spec.phase_version)
        if "model" in phase.requires and context.model is None:
            if self._commands is not None and _takes_tools(phase):
                return self._commands
            raise ModelRequired(f"The phase {phase.name!r} needs a language model: add one under Models, or choose it.")
        if "sandbox" in phase.requires and context.code is None:
            raise RequirementMissing(f"The phase {phase.name!r} runs code, and there is no sandbox here.")
        return phase

    def entries(self, scope: Scope) -> list[PhaseEntry]:
        """All that can be chosen from. May read the database."""
        return [*self.reserved_entries(), *(self.own_entry(each) for each in self._own.all(scope))]

    def names(self, scope: Scope) -> list[str]:
        """What runs can be asked for. May read the database."""
        own = [each.name for each in self._own.all(scope)]
        return list(dict.fromkeys((*self._built_in, *self._coded, *own)))

    def reserved_entry(self, name: str) -> PhaseEntry | None:
        """What is offered under this name of the product's."""
        if name in self._built_in:
            return entry_of(built_in_definition(name))
        if name not in self._coded:
            return None
        phase, title = self._phases[name], Description(en=name, zh=name)
        return PhaseEntry(name=name, title=title, description=phase.description, requires=phase.requires)

    def reserved_entries(self) -> list[PhaseEntry]:
        """Those that come with the product."""
        found = (self.reserved_entry(name) for name in self.reserved)
        return [each for each in found if each is not None]

    def own_entry(self, own: OwnPhase) -> PhaseEntry:
        """What is offered of a user's phase; its `problem` says why it cannot be run at all. Each version is read once,
        as long as it is among those asked for of late."""
        key = (own.id, own.version)
        entry = self._read.get(key)
        if entry is None:
            entry = _read(own)
            with self._lock:
                self._read[key] = entry
                while len(self._read) > MOST_READ:
                    del self._read[next(iter(self._read))]
        return entry

    def prepare(self) -> None:
        """Load what the first runs need. May be called in a thread."""
        for name in (*self._built_in, *self._coded):
            phase = self._reserved(name)
            if phase is not None:
                phase.prepare()

    def _reserved(self, name: str) -> Phase | None:
        if self._commands is not None and name == self._commands.name:
            return self._commands
        phase = self._phases.get(name)
        if phase is None and name in self._built_in and self._compile is not None:
            with self._lock:
                phase = self._phases.get(name) or self._compile(built_in_definition(name))
                self._phases[name] = phase
        return phase

    def _compiled(self, own: OwnPhase) -> Phase:
        key = (own.id, own.version)
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        if self._compile is None:
            raise UnknownPhase("Phases of users cannot be run here.")
        phase = self._compile(read_phase(own.text))
        with self._lock:
            kept = self._recent.setdefault(key, phase)
            while len(self._recent) > MOST_COMPILED:
                self._recent.popitem(last=False)
        return kept

    def _unknown(self, name: str, scope: Scope, version: int | None) -> str:
        if version is not None:
            return f"The phase {name[:100]!r} is no longer there in version {version}: it was deleted. Ask again."
        names = self.names(scope)
        return f"There is no phase named {name[:100]!r}. {did_you_mean(name, names)}".strip()


def _takes_tools(phase: Phase) -> bool:
    definition = getattr(phase, "definition", None)
    return isinstance(definition, PhaseDefinition) and bool(definition.tools)


def _read(own: OwnPhase) -> PhaseEntry:
    try:
        return entry_of(read_phase(own.text), own.version)
    except PhaseInvalid as error:
        title, description = Description(en=own.name, zh=own.name), Description(en="", zh="")
        return PhaseEntry(name=own.name, title=title, description=description, version=own.version, problem=str(error))
