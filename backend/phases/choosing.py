"""Choosing a phase for a run that is about to begin."""

from __future__ import annotations

from sqlalchemy import Connection

from agents.errors import RequirementMissing, UnknownPhase
from agents.phases.catalogue import PhaseCatalogue, PhaseEntry
from agents.phases.findings import did_you_mean
from backend.phases.availability import REASONS, Abilities
from backend.phases.store import PhaseStore, own_phase
from knowledge.types import Scope


def chosen_phase(
    connection: Connection, catalogue: PhaseCatalogue, abilities: Abilities, scope: Scope, name: str
) -> PhaseEntry:
    """The phase of this name, in the version that the run is to keep to, if what it requires is here. Whether there is
    a model is seen when the run begins: it may bring its own. Raises UnknownPhase, RequirementMissing."""
    entry = _entry(connection, catalogue, scope, name)
    missing = abilities.missing(connection, scope, entry.requires - {"model"})
    if missing:
        reasons = " ".join(REASONS[each] for each in missing)
        raise RequirementMissing(f"The phase {name!r} cannot be run now. {reasons}")
    return entry


def _entry(connection: Connection, catalogue: PhaseCatalogue, scope: Scope, name: str) -> PhaseEntry:
    reserved = catalogue.reserved_entry(name)
    if reserved is not None:
        return reserved
    store = PhaseStore(connection, scope)
    found = store.find(name)
    if found is None:
        names = [*catalogue.reserved, *(each.name for each in store.all())]
        raise UnknownPhase(f"There is no phase named {name[:100]!r}. {did_you_mean(name, names)}".strip())
    return catalogue.own_entry(own_phase(found))
