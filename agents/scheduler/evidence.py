"""What a run has found and may cite: numbered once, whoever found it, and shown to models as the data it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from agents.answering.prompting import within_budget
from agents.citations.passages import passage_of
from agents.evidence import CalledTool, Citation, Evidence
from agents.messages.trust import wrap_untrusted
from agents.sanitising.addresses import hosts_of
from knowledge.types import Passage

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])


class EvidenceBook:
    """The evidence of one run. Numbers that earlier attempts gave stay given."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        given = (
            each["number"] for value in recorded.values() if isinstance(value, dict) for each in value.get("found", ())
        )
        self._next = max(given, default=0) + 1
        self._passages: dict[int, Passage] = {}
        self._calls: dict[int, CalledTool] = {}

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All there is, by number."""
        return tuple(self._passages[number] for number in sorted(self._passages))

    @property
    def highest(self) -> int:
        """The highest number that can be cited."""
        return max(self._passages, default=0)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that answers may link to."""
        return hosts_of([passage.document.url for passage in self._passages.values()])

    def reserve(self, count: int) -> int:
        """The first of so many numbers that nothing else will get."""
        first, self._next = self._next, self._next + count
        return first

    def add(self, numbered: Iterable[Evidence]) -> None:
        """Take in what has its numbers."""
        for each in numbered:
            self._passages[each.number] = passage_of(each)
            if each.call is not None:
                self._calls[each.number] = each.call

    def with_calls(self, citations: Iterable[Citation]) -> tuple[Citation, ...]:
        """The citations; those of what a tool put out tell its call."""
        return tuple(replace(each, call=self._calls.get(each.number)) for each in citations)


def encode_found(found: Iterable[Evidence]) -> list[dict[str, Any]]:
    """Evidence for a journal's value, under the key `found`."""
    return [asdict(each) for each in found]


def decode_found(value: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """What `encode_found` wrote."""
    return _EVIDENCE.validate_python(value.get("found", ()))


def wrap_passages(passages: Sequence[Passage], code: str) -> str:
    """Passages between markers that nobody who wrote them can guess, as many as a model has room for."""
    wrapped = "\n".join(_wrap_passage(passage, code) for passage in within_budget(passages))
    return f"<passages-{code}>\n{wrapped}\n</passages-{code}>"


def _wrap_passage(passage: Passage, code: str) -> str:
    about = {"title": passage.document.title or passage.document.path, "section": " / ".join(passage.heading_path)}
    return wrap_untrusted("passage", passage.text, code, number=str(passage.number), **about)
