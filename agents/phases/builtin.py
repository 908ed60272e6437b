"""The registry of the phases that come with the product: each is a room or a file of its own, and one line here."""

from __future__ import annotations

from collections.abc import Callable

from agents.answering.phase import AnswerPhase
from agents.phases.parts import PhaseParts
from agents.phases.phase import Phase

MakePhase = Callable[[PhaseParts], Phase]

BUILT_IN: tuple[MakePhase, ...] = (AnswerPhase.of,)
