"""Commands performed: events, approvals, missing arguments, help, and what is proposed without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from agents.commands.catalogue import Commands
from agents.commands.completion import complete
from agents.commands.phase import CommandPhase
from agents.events import ApprovalRequested, TextDelta, ToolCalled, ToolFinished
from agents.evidence import Evidence
from agents.messages.parts import Message
from agents.phases.builtin import built_in_definition
from agents.phases.catalogue import entry_of
from agents.phases.context import RunContext
from agents.phases.parts import PhaseParts
from agents.phases.phase import Outcome, Waiting
from agents.phases.spec import RunSpec
from agents.scheduler.approvals import journal_key
from agents.scheduler.journal import Recorded
from agents.tools.ports import ToolOutput
from agents.tools.search import ToolSearch
from agents.tools.sql.refusals import refusal
from knowledge.answering import Answerer
from tests.tools import SCOPE, FakeTool, box, spec

QUERY = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["query"],
}
SCALE = {
    "type": "object",
    "properties": {"deployment": {"type": "string"}, "level": {"enum": ["low", "high"]}},
    "required": ["deployment", "level"],
}
PASSAGE = Evidence(
    number=1, document_id="d", knowledge_base_id="b", path="runbook.md", title="Runbook", url="",
    heading_path=("Runbook", "Roll back"), anchor="", text="Run `kubectl rollout undo`. Then watch the pods.",
    start=0, end=40, score=0.9,
)  # fmt: skip
TABLE = {"columns": ["pod", "restarts"], "rows": [["web-1|x", 3], ["web-2", None]]}


def tools() -> dict[str, FakeTool]:
    made = [
        FakeTool(spec("search_knowledge_base", parameters=QUERY), output=ToolOutput(text="x", evidence=(PASSAGE,))),
        FakeTool(spec("prom_query", parameters=QUERY, source="prom"), output=ToolOutput(text="1 ``` 2\n3")),
        FakeTool(spec("prom_series", source="prom"), output=ToolOutput(text="n", view="table", data=TABLE)),
        FakeTool(spec("scale", parameters=SCALE, risk="write", description="Scale a deployment up or down.")),
        FakeTool(spec("later", reason="Not connected.")),
    ]
    return {tool.spec.name: tool for tool in made}


class Told:
    """What a run of the command phase gave out."""

    def __init__(self, events: Sequence[Any]) -> None:
        self.records = {each.key: each.value for each in events if isinstance(each, Recorded)}
        flat = [(*each.events,) if isinstance(each, Recorded) else (each,) for each in events]
        self.events: list[Any] = [each for some in flat for each in some]
        self.end = events[-1]

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.events if isinstance(each, TextDelta))

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]


def perform(made: dict[str, FakeTool], question: str, journal: dict[str, Any] | None = None, **more: Any) -> Told:
    phase = CommandPhase(
        PhaseParts(searcher_for=lambda _: None, extractor=Answerer(None)),  # type: ignore[arg-type, return-value]
        ToolSearch(),
        lambda _: [entry_of(built_in_definition("answer"))],
    )
    context = RunContext(
        run_id="r", thread_id="t", journal=journal or {}, toolbox=box(*made.values()),
        **{"spec": RunSpec(question=question, scope=SCOPE), "may_wait": True, **more},
    )  # fmt: skip

    async def run() -> Told:
        events: list[Any] = []
        async for event in phase.stream(context):
            if isinstance(event, Recorded) and event.stored is not None:
                event.stored.set_result(True)
            events.append(event)
        return Told(events)

    return asyncio.run(run())


def test_a_command_answers_in_the_language_asked_for_whatever_was_typed() -> None:
    def said(question: str, language: Literal["en", "zh"], **more: Any) -> str:
        return perform(tools(), question, spec=RunSpec(question=question, scope=SCOPE, language=language), **more).text

    assert "命令不需要语言模型" in said("/help", "zh")
    assert "（先询问）" in said("/help", "zh")
    assert "prom 的 2 个工具之一：query、series" in said("/help", "zh")
    assert "没有命令 `/nothing`" in said("/nothing", "zh")
    assert said("/nothing", "en", history=(Message.of("user", "帮助"),)).startswith("There is no")
    asked = perform(tools(), "/scale web level=high").of(ApprovalRequested)[0].approval_id
    rejected = {journal_key(asked): {"decision": "reject"}}
    assert said("/scale web level=high", "zh", journal=rejected) == "未执行：有人拒绝了此调用。"
    assert perform(tools(), "/scale web level=high", rejected).text == "Nothing was done: a person rejected it."
    assert "limit 应为整数，而不是 'many'。" in said("/search x limit=many", "zh")
    refusing = tools()
    refusing["prom_query"].error = refusal("not_one")
    asked_in_chinese = RunSpec(question="/prom_query 1; 2", scope=SCOPE, language="zh")
    told = perform(refusing, "/prom_query 1; 2", spec=asked_in_chinese)
    assert told.text.startswith("未执行：语句未发送：它不是恰好一条语句。")


def test_a_reading_call_is_made_and_its_passages_are_cited() -> None:
    made = tools()
    told = perform(made, "/search how to roll back limit=3")
    assert made["search_knowledge_base"].calls == [{"query": "how to roll back", "limit": 3}]
    assert [each.tool for each in told.of(ToolCalled)] == ["search_knowledge_base"]
    assert [each.status for each in told.of(ToolFinished)] == ["succeeded"]
    assert "**Runbook › Roll back**" in told.text
    assert "kubectl rollout undo" in told.text
    assert told.text.endswith("[1]")
    assert isinstance(told.end, Outcome)
    assert (told.end.mode, told.end.verdict) == ("extractive", "answered")


def test_free_words_of_a_group_go_to_its_query() -> None:
    made = tools()
    told = perform(made, '/prom up{job="api"} == 1')
    assert made["prom_query"].calls == [{"query": 'up{job="api"} == 1'}]
    assert told.text == "````\n1 ``` 2\n3\n````"
    assert "web-1\\|x | 3 |" in perform(made, "/prom series").text


def test_a_write_waits_for_leave_and_a_missing_argument_is_asked_for() -> None:
    made = tools()
    first = perform(made, "/scale web")
    assert made["scale"].calls == []
    assert isinstance(first.end, Waiting)
    (asked,) = first.of(ApprovalRequested)
    assert (asked.tool, asked.parameters["enum"]) == ("", ["low", "high"])
    journal = {**first.records, journal_key(asked.approval_id): {"decision": "approve", "comment": "high"}}
    second = perform(made, "/scale web", journal, attempt=2)
    (asked,) = second.of(ApprovalRequested)
    assert (asked.tool, asked.arguments) == ("scale", {"deployment": "web", "level": "high"})
    journal |= {**second.records, journal_key(asked.approval_id): {"decision": "approve"}}
    third = perform(made, "/scale web", journal, attempt=3)
    assert made["scale"].calls == [{"deployment": "web", "level": "high"}]
    assert third.text == "Done."
    fourth = perform(made, "/scale web", {**journal, **third.records}, attempt=4)
    assert len(made["scale"].calls) == 1
    assert fourth.text == "Done."


def test_where_nobody_can_be_asked_nothing_is_done() -> None:
    made = tools()
    assert "level" in perform(made, "/scale web", may_wait=False).text
    assert "Nothing was done" in perform(made, "/scale web level=low", may_wait=False).text
    assert made["scale"].calls == []


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("/serch x", "Did you mean `/search`"),
        ("/later", "Not connected."),
        ("/search x limit=many", "Write: `/search query [limit=N]`"),
        ("/prom_query", "`query` is missing"),
        ("/帮助", "现在可用的模式"),
        ("/help", "asks first"),
        ("/", "**Modes that work now**"),
        ("/tools deployment", "/scale"),
        ("/open", "cannot be used now"),
        ("scale the deployment up please", "`/scale"),
        ("qqq", "no tool fits"),
    ],
)
def test_what_cannot_be_done_says_what_can(question: str, said: str) -> None:
    made = tools()
    told = perform(made, question, may_wait=False)
    assert said in told.text
    assert all(not tool.calls for tool in made.values())


def test_completion_goes_from_names_to_arguments_to_their_values() -> None:
    commands = Commands(tool.spec for tool in tools().values())

    def texts(prefix: str) -> list[str]:
        return [each.text for each in complete(prefix, commands)]

    assert texts("/")[:3] == ["/help", "/tools ", "/open "]
    assert texts("/sea") == ["/search "]
    assert texts("/prom s") == ["/prom series "]
    assert texts("/search words lim") == ["/search words limit="]
    assert texts("/search words ") == ["/search words limit="]
    assert texts("/scale level=h") == ["/scale level=high"]
    assert texts("/scale level=high ") == ["/scale level=high deployment="]
    assert texts("/later ") == []
    assert texts("no command") == []
