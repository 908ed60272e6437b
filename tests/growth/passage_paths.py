"""Where the text of passages is read on the way to an answer: words, slips, units, definitions, quotation, support; and
what models say besides an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from agents.answering.quoting import quote
from agents.citations.checking import check_citations
from agents.citations.code_spans import code_spans
from agents.citations.support import PassageBacking
from agents.errors import AnswerTooLong
from agents.models.failures import without_keys
from agents.models.openai_stream import read_stream
from agents.models.thinking import AnswerSeparator
from agents.models.tool_call_deltas import ToolCallDeltas
from backend.threads.export import plain
from knowledge.answering.picking import is_code
from knowledge.answering.places import places_of
from knowledge.answering.subject import is_command
from knowledge.answering.support import supports
from knowledge.answering.units import Unit, cut_units, introduces
from knowledge.answering.vocabulary import words_of
from knowledge.evaluation import content_words, within
from knowledge.text.analysis import count_words, index_terms
from knowledge.text.definitions import best_definition
from knowledge.text.expansion import concepts_of, slips
from knowledge.text.invisible import visible
from knowledge.text.markup import heading_name, plain_code, slug
from knowledge.text.spelling import correction, may_be_mistyped
from knowledge.text.storable import storable, storable_json
from knowledge.types import AnswerSegment, DocumentRef, Passage, PassagePart, RowRun
from tests.growth.agents_paths import repeated
from tests.growth.harness import TextPath

WORDS = {
    "words": "word ", "one word": "a", "spaces": " ", "lines": "\n", "spaced lines": "  \n", "han": "好。",
    "names": "FooBar-a_b/c ", "dashes": "-", "dots": "a.", "digits": "1", "numbers": "12.5, ", "flags": "--a-b ",
    "capitals": "Ab", "brackets": "[1,", "parentheses": "(a", "ticks": "`", "controls": "\x00\u200b",
    "halves": "\ud800", "slips": "kuberntes ", "negations": "not no ", "joined": "a_", "keys": "sk-aaaaaa ",
}  # fmt: skip
MARKUP = {
    "headings": "# a\n", "items": "- a\n", "numbers": "1. a\n", "deep items": "- ", "quotes": "> ", "fences": "```\n",
    "ticks": "`a``", "rows": "|a|b|\n", "bars": "|", "tags": "<a ", "links": "[a](b", "references": "[a][b] ",
    "labels": "[a]: b\n", "images": "![a", "admonitions": "!!! a\n\n    b\n\n", "containers": "::: a\n",
    "words": "word ", "one word": "a", "spaces": " ", "spaced lines": "  \n",
    "lines": "\n", "stars": "*a ", "entities": "&#", "rules": "--\n", "colons": "a: ",
}  # fmt: skip
INNER = {
    "spaces": " ", "colons": ":", "stops": ".", "bars": "|  ", "ticks": "`", "dashes": "- ", "names": "a_",
    "signs": "$ ", "breaks": "  \n", "abbreviations": "e.g. A ", "words": "a b ",
}  # fmt: skip
"""Between a beginning and an end that do not go together: what is tried in vain is tried in every way."""
STARTS = ("a ", "|a|b|\n|-|", "a `", "```a ", "- a: ", "::: ", "[a", "a_b", "(a")
STREAMED = {
    "one line": "data: ", "lines": "\n", "numbers": "data: 1\n", "deep": "data: [[[[[[[[[[[[[[[[\n",
    "calls": 'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}}]}\n',
    "text": 'data: {"choices":[{"delta":{"content":"a"}}]}\n',
}  # fmt: skip
BLOCKS = ("sentence", "list", "code", "table")


def passage(text: str) -> Passage:
    document = DocumentRef(id="d", knowledge_base_id="k", path="a.md", title="A", url="")
    return Passage(
        number=1, document=document, heading_path=("A",), anchor="", text=text, start=0, end=len(text), score=1.0,
        chunk_ids=(1,),
    )  # fmt: skip


NOTE = passage("Run `kubectl rollout undo` on 12 nodes. It is not done at night.\n\n" * 60)


def _spelled(text: str) -> None:
    may_be_mistyped(text)
    correction(text[:30].strip(), {text: 1, "kubernetes": 9})
    list(slips(text))


def _within(unit: str) -> Callable[[int], str]:
    begun = repeated(unit)
    return lambda size: "".join(f"{start}{begun(size // 20)}{end}\n\n" for start in STARTS for end in ("x", "--1"))


def _coded(text: str) -> None:
    for term in index_terms(text + "--1") + index_terms(f"{text[:70]}--1"):
        is_code(term)


def _answered(text: str) -> None:
    cut_units(passage(text))
    _quoted(text)
    unit = Unit(
        text=text, start=0, end=len(text), block="sentence", group=0, whole=0, heading_path=(), anchor="", words=1
    )
    is_command(unit)
    introduces(unit)
    places_of(passage(text))


def _quoted(text: str) -> None:
    for block in BLOCKS:
        segment = AnswerSegment(
            text=text, number=1, start=0, end=len(text), block=block, heading_path=(text[:300],), header=text[:300]
        )  # type: ignore[arg-type]
        quote((segment,), (passage(text),), ("docs.example",))


def _in_rows(text: str, step: int) -> None:
    """A table of one part, cited row by row; its rows are one run, or as many as there are lines."""
    given = passage(text)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    runs = tuple(RowRun(start, number, "each") for number, start in enumerate(starts[:: step or len(starts)], start=1))
    part = PassagePart(start=0, heading_path=("A",), anchor="sheet=A", rows=runs)
    segment = AnswerSegment(text=text, number=1, start=0, end=len(text), block="table", heading_path=("A",))
    quote((segment,), (replace(given, parts=(part,)),), ())


def _backed(text: str) -> None:
    supports(text, NOTE.text)
    supports("It runs on 12 nodes with --flag and FooBar.", text)


def _in_pieces(text: str) -> Iterable[str]:
    return (text[start : start + 4] for start in range(0, len(text), 4))


def _thought(text: str) -> None:
    for opening in ("<think>", ""):
        separator = AnswerSeparator()
        for piece in _in_pieces(opening + text):
            separator.feed(piece)
        separator.rest()


def _streamed(text: str) -> None:
    async def sent() -> AsyncIterator[bytes]:
        for piece in _in_pieces(text):
            yield piece.encode()

    async def read() -> None:
        with suppress(AnswerTooLong):
            async for _ in read_stream(sent(), lambda said: AnswerTooLong(str(said))):
                pass

    asyncio.run(read())


def _called(text: str) -> None:
    one, many = ToolCallDeltas(), ToolCallDeltas()
    for at, piece in enumerate(_in_pieces(text)):
        one.add(0, None, None, piece)
        many.add(at, f"call_{at}", "a", piece)
    assert len(one.calls) + len(many.calls)


PLAIN: dict[str, Callable[[str], object]] = {
    "terms": index_terms,
    "words": words_of,
    "concepts": concepts_of,
    "spelling": _spelled,
    "budget": lambda text: (count_words(text), within([text], 1e9)),
    "graded": content_words,
    "visible": visible,
    "storable": lambda text: (storable(text), storable_json({text: [text]})),
    "code of a unit": _coded,
    "definition": lambda text: best_definition(text, frozenset({"a"})),
    "support": _backed,
    "refusal": without_keys,
}
MARKED: dict[str, Callable[[str], object]] = {
    "units": lambda text: cut_units(passage(text)),
    "quotation": _quoted,
    "citations": lambda text: check_citations(text + " [1]. " + text, [NOTE], PassageBacking()),
    "code spans": lambda text: list(code_spans(text)),
    "heading": lambda text: slug(heading_name(text)),
    "code": plain_code,
    "exported": plain,
}

PATHS = [
    *(
        TextPath(f"passage, {what}/{name}", repeated(unit), run, 200_000)
        for what, run in PLAIN.items()
        for name, unit in WORDS.items()
    ),
    *(
        TextPath(f"passage, {what}/{name}", repeated(unit), run, 100_000)
        for what, run in MARKED.items()
        for name, unit in MARKUP.items()
    ),
    *(TextPath(f"passage, inside/{name}", _within(unit), _answered, 40_000) for name, unit in INNER.items()),
    TextPath("passage, rows of one run", repeated("|a|b|\n"), lambda text: _in_rows(text, 0), 100_000),
    TextPath("passage, rows of many runs", repeated("|a|b|\n"), lambda text: _in_rows(text, 1), 100_000),
    TextPath("model, thoughts", repeated("a"), _thought, 400_000),
    TextPath("model, spaces before the answer", repeated(" "), _thought, 400_000),
    TextPath("model, calls", repeated("a"), _called, 400_000),
    *(TextPath(f"model, stream/{name}", repeated(unit), _streamed) for name, unit in STREAMED.items()),
]
