"""How well the right tool is found among those of published OpenAPI documents, without a model.

python -m bench tool_search FOLDER [--questions FILE] [--words] [--misses]

The folder is that of `openapi_import`; a line of the questions is `{"question", "document", "operations"}`, any
of whose operations (of the document of this name) is right.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from agents.tools.openapi.document import read_document
from agents.tools.openapi.operations import import_operations
from agents.tools.openapi.tool import compiled_operation
from agents.tools.ports import ToolSpec
from agents.tools.search import ToolSearch
from agents.tools.yaml.http_tool import spec_of

QUESTIONS = Path(__file__).parent / "questions" / "tools.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--words", action="store_true", help="by words alone")
    parser.add_argument("--misses", action="store_true", help="name what was found instead")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    questions = [json.loads(line) for line in arguments.questions.read_text("utf-8").splitlines()]
    specs, operations = _tools(arguments.folder, {each["document"] for each in questions})
    search = _search(arguments.words)
    begun = time.perf_counter()
    search.ranked("warm up", specs)
    print(f"{len(specs)} tools, made ready in {time.perf_counter() - begun:.1f} s")
    found, seconds = 0, []
    for each in questions:
        begun = time.perf_counter()
        best = search.ranked(each["question"], specs)[:5]
        seconds.append(time.perf_counter() - begun)
        wanted = {(each["document"], operation) for operation in each["operations"]}
        if any(operations.get(spec.name) in wanted for spec in best):
            found += 1
        elif arguments.misses:
            print(f"  {each['question']}: {', '.join(spec.name for spec in best)}")
    seconds.sort()
    print(f"right tool in the first five: {found / len(questions):.3f} of {len(questions)} (bar .90)")
    print(f"p50 {seconds[len(seconds) // 2] * 1000:.0f} ms, slowest {seconds[-1] * 1000:.0f} ms")


def _tools(folder: Path, names: set[str]) -> tuple[list[ToolSpec], dict[str, tuple[str, str]]]:
    specs, operations = [], {}
    for path in sorted(folder.iterdir()):
        if path.stem in names:
            for record in import_operations(read_document(path.read_text("utf-8")), path.stem).tools:
                specs.append(spec_of(compiled_operation(record), source=path.stem, connections={"one": "1"}))
                operations[record["name"]] = (path.stem, f"{record['method']} {record['path']}")
    return specs, operations


def _search(words: bool) -> ToolSearch:
    if words:
        return ToolSearch()
    from agents.tools.meaning import ToolMeanings
    from knowledge.embedding import BUILT_IN, create_embedders

    return ToolSearch(ToolMeanings(create_embedders(())[BUILT_IN[0]]))


if __name__ == "__main__":
    main()
