"""What becomes of published OpenAPI documents: tools, refusals, seconds and memory, each document in its own process.

python -m bench openapi_import FOLDER [--refusals]

A folder of `.json`, `.yaml` and `.yml` documents (Kubernetes, Argo CD, Grafana, Gitea, Docker Engine, …). Every tool is
made ready as it is before a call, its schema checked as a JSON Schema, and its request rendered with made-up arguments.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import bench.openapi_import as openapi_import
from agents.tools.openapi.document import read_document
from agents.tools.openapi.operations import import_operations
from agents.tools.openapi.tool import compiled_operation
from agents.tools.yaml.rendering import render

_SAMPLES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "array": ["a"], "object": {}, "string": "x"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--refusals", action="store_true", help="name the operations that no tool was made of")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.iterdir() if path.suffix in (".json", ".yaml", ".yml"))
    for path in paths:
        # Each in a process of its own, so that its peak of memory is its own.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            _print(pool.submit(openapi_import.measured, str(path)).result(), arguments.refusals)


def measured(path: str) -> dict[str, Any]:
    """What becomes of one document."""
    from jsonschema import Draft202012Validator

    before = _megabytes()
    text = Path(path).read_text("utf-8")
    begun = time.perf_counter()
    document = read_document(text)
    imported = import_operations(document, Path(path).stem)
    seconds = time.perf_counter() - begun
    peak = _megabytes()
    stored = len(json.dumps(imported.tools, default=str))
    invalid = []
    for record in json.loads(json.dumps(imported.tools, default=str)):
        tool = compiled_operation(record)
        try:
            Draft202012Validator.check_schema(tool.schema)
            render(tool, {name: _sample(each) for name, each in tool.schema["properties"].items()}, {})
        except Exception as error:  # what a bench counts
            invalid.append(f"{record['name']}: {error}"[:200])
    return {
        "name": Path(path).name,
        "size": len(text),
        "operations": sum(1 for _ in document.operations()),
        "tools": len(imported.tools),
        "on": collections.Counter(each["method"] for each in imported.tools if each["on"]),
        "refusals": [(each.operation, each.reason) for each in imported.refusals],
        "invalid": invalid,
        "seconds": seconds,
        "peak": peak,
        "more": peak - before,
        "stored": stored,
    }


def _sample(schema: dict[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    return _SAMPLES[kind[0] if isinstance(kind, list) else kind]


def _print(found: dict[str, Any], with_refusals: bool) -> None:
    reasons = collections.Counter(reason.split(" (")[0] for _, reason in found["refusals"])
    print(
        f"{found['name']}: {found['size'] / 1e6:.1f} MB, {found['operations']} operations, {found['tools']} tools "
        f"({dict(found['on'])} on), {len(found['refusals'])} refused, {len(found['invalid'])} invalid; "
        f"{found['seconds']:.2f} s (bar 10), peak {found['peak']:.0f} MB (bar 300), "
        f"stored {found['stored'] / 1e6:.1f} MB"
    )
    for reason, count in reasons.most_common():
        print(f"  {count} x {reason}")
    for each in found["invalid"][:5]:
        print(f"  invalid: {each}")
    for operation, reason in found["refusals"] if with_refusals else ():
        print(f"  {operation}: {reason}")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
