"""`python -m bench` runs every bench that needs no data; `python -m bench NAME …` runs one, with arguments."""

from __future__ import annotations

import runpy
import sys

WITHOUT_DATA = ("search", "streams", "scheduler", "startup", "crash", "attack", "react_text", "tool_calls", "audit")
WITH_DATA = (
    "retrieval",
    "answers",
    "refusals",
    "build",
    "cases",
    "openapi_import",
    "tool_search",
    "sandbox",
    "interface",
    "sandbox_peers",
)


def main() -> None:
    names = sys.argv[1:2] or list(WITHOUT_DATA)
    if names[0] not in WITHOUT_DATA + WITH_DATA:
        sys.exit(f"Unknown bench {names[0]!r}. There are: {', '.join(WITHOUT_DATA + WITH_DATA)}.")
    arguments = sys.argv[2:]
    for name in names:
        print(f"== {name}", flush=True)
        sys.argv = [f"bench.{name}", *arguments]
        runpy.run_module(f"bench.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
