"""The phases there are, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agents.errors import ModelRequired, UnknownPhase
from agents.phases.context import RunContext
from agents.phases.phase import Phase


class PhaseCatalogue:
    """Phases in the order they were given."""

    def __init__(self, phases: Iterable[Phase]) -> None:
        self._phases = {phase.name: phase for phase in phases}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._phases)

    def __iter__(self) -> Iterator[Phase]:
        return iter(self._phases.values())

    def get(self, name: str) -> Phase:
        """Raises UnknownPhase."""
        phase = self._phases.get(name)
        if phase is None:
            raise UnknownPhase(f"There is no phase named {name[:100]!r}; there is {', '.join(self._phases)}.")
        return phase

    def phase_for(self, context: RunContext) -> Phase:
        """The phase of a run that has what it requires. Raises UnknownPhase, ModelRequired."""
        phase = self.get(context.spec.phase)
        if "model" in phase.requires and context.model is None:
            raise ModelRequired(f"The phase {phase.name!r} needs a language model: add one under Models, or choose it.")
        return phase

    def prepare(self) -> None:
        """Load what the first runs need. May be called in a thread."""
        for phase in self:
            phase.prepare()
