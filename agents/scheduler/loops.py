"""Noticing that agents go in circles, which no count of steps tells from work."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from itertools import pairwise

from agents.errors import BudgetSpent

SAME_RESULT = 2
"""How often the same call may come to the same result; the next one is not made."""
MOST_REFUSALS = 3
"""Calls not made in one turn of an agent before the run is ended."""
SAME_TEXT = 3
"""How often an agent may write the very same text in one run."""
SAME_HANDOFF = 2
"""How often one agent may hand on to the same other one within one chain of handoffs."""


class CallGuard:
    """Watches the calls of one turn of an agent: the same call with the same result again leads nowhere."""

    def __init__(self) -> None:
        self._results: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._refused = 0

    def repeated(self, tool: str, arguments: str) -> int:
        """How often this call came to the same result in a row, when it is not worth making again; else 0. Raises
        BudgetSpent when that has been said often enough."""
        results = self._results[(tool, arguments)]
        if len(results) < SAME_RESULT or len(set(results[-SAME_RESULT:])) > 1:
            return 0
        self._refused += 1
        if self._refused >= MOST_REFUSALS:
            raise loop(f"The call of {tool} was made again and again with the same result.", self._refused)
        return len(results)

    def note(self, tool: str, arguments: str, result: str) -> None:
        """What a call came to."""
        self._results[(tool, arguments)].append(_fingerprint(result))


class ProgressGuard:
    """Watches the turns of a run: an agent that writes the same again and again makes no progress."""

    def __init__(self) -> None:
        self._texts: Counter[tuple[str, str]] = Counter()

    def note(self, agent: str, text: str) -> None:
        """What a turn wrote. Raises BudgetSpent."""
        if not text.strip():
            return
        key = (agent, _fingerprint(text))
        self._texts[key] += 1
        if self._texts[key] >= SAME_TEXT:
            raise loop(f"The agent {agent} wrote the same {SAME_TEXT} times.", SAME_TEXT)


def check_handoffs(path: tuple[str, ...]) -> None:
    """`path`: the agents that handed on to each other, the first one first. Raises BudgetSpent for A, B, A, B, A, B."""
    pairs = Counter(pairwise(path))
    for (giver, taker), count in pairs.items():
        if count > SAME_HANDOFF:
            raise loop(f"The agents {giver} and {taker} hand on to each other without end.", count)


def loop(message: str, count: float) -> BudgetSpent:
    """The error of a run that goes in circles."""
    return BudgetSpent(message, limit="loop", used=count, allowed=count)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode(errors="replace")).hexdigest()
