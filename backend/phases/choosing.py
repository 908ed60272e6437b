"""Choosing a phase for a run that is about to be stored."""

from __future__ import annotations

from sqlalchemy import Connection

from agents.errors import UnknownPhase
from agents.phases.catalogue import PhaseCatalogue
from agents.phases.findings import did_you_mean
from backend.phases.store import PhaseStore
from knowledge.types import Scope


def phase_version(connection: Connection, catalogue: PhaseCatalogue, scope: Scope, name: str) -> int | None:
    """The version of a user's phase that the run is to keep to, None for a phase that comes with the product. Read in
    the transaction that stores the run. Raises UnknownPhase."""
    if name in catalogue.reserved:
        return None
    store = PhaseStore(connection, scope)
    found = store.find(name)
    if found is None:
        names = [*catalogue.reserved, *(each.name for each in store.all())]
        raise UnknownPhase(f"There is no phase named {name[:100]!r}. {did_you_mean(name, names)}".strip())
    return found.version
