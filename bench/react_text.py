"""How many calls that a model wrote by hand are recovered: `python -m bench.react_text [--count 10000] [--seed 0]`.

The texts are those of tests/text_call_mutations.py: twenty ways of writing a call, each mutated by what models and
transports do to text and yet recoverable. Besides, as many texts are broken at random: nothing may crash.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter

from agents.errors import ToolFailed
from agents.models.text_calls import parse_calls
from agents.tools.arguments import checked_arguments
from agents.tools.ports import ToolSpec
from tests.text_call_mutations import TOOLS, Case, broken, cases

SPECS = {tool.name: ToolSpec(name=tool.name, description="", parameters=tool.parameters, risk="read") for tool in TOOLS}


def outcome(case: Case) -> str:
    """`recovered`, `wrong` (another call than was meant) or `lost` (it would be asked for again)."""
    calls = parse_calls(case.text, TOOLS).calls
    if not calls or any(call.arguments is None for call in calls):
        return "lost"
    try:
        made = [(call.name, checked_arguments(SPECS[call.name], call.arguments or {})) for call in calls]
    except (ToolFailed, KeyError):
        return "lost"
    return "recovered" if made == [(case.tool, case.arguments)] else "wrong"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    begun = time.perf_counter()
    for case in cases(asked.count, asked.seed):
        found[each := outcome(case)] += 1
        if each != "recovered":
            missed.update(case.made_by)
    took = time.perf_counter() - begun
    for each in ("recovered", "wrong", "lost"):
        print(f"{each:<10} {found[each]:>6}  {found[each] / asked.count:.2%}")
    print(f"{took / asked.count * 1000:.2f} ms a text; missed with: {dict(missed.most_common(6))}")
    crashes = 0
    chance = random.Random(asked.seed + 1)
    for case in cases(asked.count, asked.seed + 1):
        try:
            parse_calls(broken(case.text, chance), TOOLS, is_whole=chance.random() < 0.5)
        except Exception as error:  # what is counted here
            crashes += 1
            print(f"crash: {type(error).__name__} on {case.text[:200]!r}")
    print(f"{crashes} crashes on {asked.count} broken texts")


if __name__ == "__main__":
    main()
