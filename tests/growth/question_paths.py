"""Where a question is read: what tells a follow-up, a focus, words, a language, a greeting and a title, and what judges
and cuts what `/v1` is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from agents.answering.greetings import greets
from agents.answering.prompting import count_tokens, recent, with_wishes
from agents.messages.parts import Message
from backend.api.openai_cut import AnswerCut
from backend.api.openai_shapes import ChatRequest
from backend.schemas import RunCreate
from backend.threads.excerpts import title_of
from knowledge.answering.asking import manner_of
from knowledge.retrieval.followup import contextualise
from knowledge.suggesting.headings import as_question, paths_in, plain_heading
from knowledge.text.analysis import language_of, query_terms
from knowledge.text.definitions import subject_of
from knowledge.text.focus import focus_of
from tests.growth.agents_paths import repeated
from tests.growth.harness import TextPath

UNITS = {
    "words": "word ", "one word": "a", "spaces": " ", "tabs": "\t", "lines": "\n", "han": "好", "han stops": "。",
    "commas": ", ", "thanks": "thanks ", "thank yous": "thank you, ", "okays": "ok! ", "and": "and ", "pronouns": "it ",
    "this": "this ", "that": "that a ", "ticks": "`", "code": "`a` ", "open code": "`a", "dashes": "-", "flags": "--a ",
    "paths": "a/b.", "dots": "a.", "names": "FooBar ", "quotes": '"', "capitals": "Ab", "underscores": "a_b ",
    "digits": "1", "numbers": "12:34:56 ", "addresses": "1.2.3.4 ", "asking lines": "why a?\n", "asking": "why a? ",
    "telling lines": "it fails.\n", "lines of both": "why a?\nit fails.\n", "entries": "a: b\n", "long entry": "a: ",
    "errors": "ERROR a\n", "traces": "at a.b(\n", "equals": "a = ", "fences": "```\n", "brackets": "[", "joined": "a-",
    "what is": "what is a ", "then": "那么", "possible": "it possible ", "signs": "=", "items": "- ", "colons": "a:",
    "typing": "kuberntes ", "steps": "how do I ",
}  # fmt: skip


def _followed(text: str) -> None:
    contextualise(text, ["How do I set FOO_BAR?", text])
    contextualise("and then?", [text, text])


def _distinct_lines(size: int) -> str:
    return "".join(f"why {number}?\nit fails {number}.\n" for number in range(size // 24))


def _cut(text: str) -> None:
    for stops, limit in ((("stop", "```"), 10**9), (("x" * 1000,), None)):
        cut = AnswerCut(stops, limit)
        for start in range(0, len(text), 4):
            cut.feed(text[start : start + 4])
        cut.rest()


def _run_asked(text: str) -> None:
    with suppress(ValidationError):
        RunCreate.model_validate({"input": text})


def _chat_asked(text: str) -> None:
    with suppress(ValidationError):
        ChatRequest.model_validate({"model": "answer", "messages": [{"role": "user", "content": text}]})


def _prompted(text: str) -> None:
    count_tokens(text)
    with_wishes("", text, "en")
    recent([Message.of("user", text), Message.of("assistant", text)], 1e9)


RUNS: dict[str, Callable[[str], object]] = {
    "follow-up": _followed,
    "focus": focus_of,
    "query terms": query_terms,
    "language": language_of,
    "definition": subject_of,
    "manner": manner_of,
    "greeting": greets,
    "title": title_of,
    "headings": lambda text: paths_in(("a", "b"), f"## {text}"),
    "heading": lambda text: as_question(plain_heading(text)),
    "cut": _cut,
    "run": _run_asked,
    "chat": _chat_asked,
    "prompt": _prompted,
}

PATHS = [
    *(
        TextPath(f"question, {what}/{name}", repeated(unit), run, 200_000)
        for what, run in RUNS.items()
        for name, unit in UNITS.items()
    ),
    *(
        TextPath(f"question, {what}/distinct lines", _distinct_lines, run, 200_000)
        for what, run in (("focus", focus_of), ("follow-up", _followed))
    ),
]
