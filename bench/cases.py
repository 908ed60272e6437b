"""Small inputs on which products like this one went wrong, each with questions and what must be said.

python -m bench cases FOLDER [--show] [NAME …]

Each folder in FOLDER is a case: a knowledge base of its own. What is asked of it stands in bench/cases.jsonl, one
question a line, by the name of the folder: `must` are patterns of the answer, `must_not` those of something else,
`history` the questions before it; `question_file` names a file of the case that holds the question, and `documents`
the case whose documents are asked, when it has none of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.answering.quoting import quote
from bench.retrieval_memory import BASE, MemoryBase, VectorCache
from knowledge.answering import Answerer
from knowledge.embedding import BUILT_IN, create_embedders
from knowledge.ports import Embedder
from knowledge.retrieval.followup import contextualise
from knowledge.retrieval.retriever import Retriever

CHECKS = Path(__file__).with_name("cases.jsonl")
NOT_DOCUMENTS = {"README.md", "question.txt"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A question to a case, and the patterns that its answer must and must not hold."""

    case: str
    question: str = ""
    question_file: str = ""
    documents: str = ""
    must: list[str] = field(default_factory=list)
    must_not: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=lambda: ["answered", "closest"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only these cases")
    parser.add_argument("--show", action="store_true", help="print every answer")
    arguments = parser.parse_intermixed_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    checks = [Check(**row) for row in _rows(CHECKS)]
    embedders = create_embedders()
    held = 0
    folders = [each for each in sorted(arguments.folder.iterdir()) if each.is_dir()]
    folders = [each for each in folders if not arguments.names or each.name in arguments.names]
    for folder in folders:
        failures = list(_failures(folder, [each for each in checks if each.case == folder.name], embedders, arguments))
        held += not failures
        print(f"{folder.name:32} {'right' if not failures else 'wrong'}")
        for failure in failures:
            print(f"    {failure}", flush=True)
    print(f"{held} of {len(folders)} right")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _failures(
    folder: Path, checks: Sequence[Check], embedders: Mapping[str, Embedder], arguments: Any
) -> Iterator[str]:
    if not checks:
        yield "nothing is asked of it"
        return
    with tempfile.TemporaryDirectory() as work:
        documents = Path(work) / "documents"
        source = folder.parent / (checks[0].documents or folder.name)
        shutil.copytree(source, documents, ignore=lambda _, names: NOT_DOCUMENTS & set(names))
        base = MemoryBase(documents, embedders, VectorCache(Path(work) / "vectors.sqlite"), Path(work))
        retriever = Retriever(library=base, indexes=base, embedders=embedders)
        for check in checks:
            question = check.question or (folder / check.question_file).read_text(encoding="utf-8")
            asked = contextualise(question, check.history)
            result = retriever.search(asked, knowledge_bases=[BASE])
            answer = Answerer(embedders[BUILT_IN[0]], embedders[BUILT_IN[1]]).answer(asked, result)
            said = "".join(quote(answer.segments, result.passages, ()).pieces)
            if arguments.show:
                print(f"--- {question[:100]}\n[{answer.verdict}]\n{said}\n")
            wrong = [f"lacks {each!r}" for each in check.must if not re.search(each, said)]
            wrong += [f"says {each!r}" for each in check.must_not if re.search(each, said)]
            wrong += [] if answer.verdict in check.verdicts else [f"is told {answer.verdict}"]
            if wrong:
                yield f"{question[:60]!r} {', '.join(wrong)}"


if __name__ == "__main__":
    main()
