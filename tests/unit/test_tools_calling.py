"""Calls: checked, judged, recorded, bounded; what goes wrong teaches and tells no secrets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.errors import CallRefused, ToolFailed
from agents.events import ToolFinished, decode_event, encode_event
from agents.evidence import Evidence
from agents.tools.calling import ToolCaller
from agents.tools.policy import Override
from agents.tools.ports import ToolOutput
from knowledge.errors import NotFound
from tests.tools import FakeAudit, FakeKeeper, FakeTool, box, context, spec

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "namespace": {"type": "string", "pattern": "^[a-z-]+$"},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10},
        "mode": {"enum": ["fast", "safe"]},
        "token": {"type": "string", "format": "password"},
        "deep": {"type": "object", "properties": {"key": {"type": "string", "writeOnly": True}}},
    },
    "required": ["namespace"],
}


async def test_calls_that_cannot_be_made_are_noted_without_what_might_be_secret() -> None:
    audit = FakeAudit()
    calls = caller(FakeTool(spec(parameters=SCHEMA)), audit=audit)
    name = spec().name
    for sent in (
        {"token": "hunter2", "passwort": "hunter2", "replicas": "\ud800"},
        '{"namespace": 1',
        {"replicas": 1e999},
    ):
        await calls.note_unusable(name, sent, context())
    await calls.note_unusable("no_such_tool", {}, context())
    assert [(row["decision"], row["by"], row["status"]) for row in audit.rows] == [
        ("denied", "arguments", "denied")
    ] * 3
    assert "hunter2" not in str(audit.rows)
    assert [list(row["arguments"]) for row in audit.rows] == [["token", "replicas"], [], []]


async def test_what_a_tool_refuses_by_itself_is_denied() -> None:
    audit = FakeAudit()
    words = {"en": "It was not sent.", "zh": "未发送。"}
    error = CallRefused(words["en"], reason_code="sql_not_one", words=words)
    calls = caller(FakeTool(spec(), error=error), audit=audit)
    result = await calls.perform(calls.prepare(spec().name, {}, context(), influenced=False))
    assert (result.status, audit.rows[0]["status"]) == ("denied", "denied")
    told = decode_event(encode_event(result.event()))
    assert isinstance(told, ToolFinished)
    assert (told.output, told.reason_code, told.words) == (words["en"], "sql_not_one", words)


def caller(*tools: FakeTool, **more: Any) -> ToolCaller:
    return ToolCaller(box(*tools, **more))


@pytest.mark.parametrize(
    ("sent", "arguments"),
    [
        ('{"namespace": "shop"}', {"namespace": "shop"}),
        ('```json\n{"namespace": "shop",}\n```', {"namespace": "shop"}),
        ("{'namespace': 'shop', 'replicas': '3'}", {"namespace": "shop", "replicas": 3}),
        ("{namespace: “shop”， mode： 'safe'}", {"namespace": "shop", "mode": "safe"}),
        ('{"namespace": "shop", "deep": {"key": None}}', None),
        ('{"namespace": "shop"', None),
        ('{"namespace": "shop"} and more', None),
        ('__import__("os")', None),
        ("[1]", None),
        ('{"namespace": 5}', None),
        ('{"namespace": "shop", "replicas": 11}', None),
        ('{"namespace": "shop", "mode": "quick"}', None),
        ('{"namespace": "shop", "replicsa": 1}', None),
        ('{"namespace": "sho\\u0000p"}', None),
        ("{" * 5000, None),
        ("[" * 100_000, None),
        ('{"namespace": "' + "a" * 300_000 + '"}', None),
        ('{"namespace": "shop", "replicas": 1e999}', None),
        ('{"namespace": "shop", "replicas": NaN}', None),
        ("", None),
    ],
)
def test_arguments_are_read_tolerantly_and_checked_strictly(sent: str, arguments: dict[str, Any] | None) -> None:
    tool = FakeTool(spec(parameters=SCHEMA))
    if arguments is None:
        with pytest.raises(ToolFailed, match=r"It takes: namespace \(string, required\)"):
            caller(tool).prepare("look", sent, context(), influenced=False)
    else:
        assert caller(tool).prepare("look", sent, context(), influenced=False).arguments == arguments


def test_an_error_says_where_what_and_what_is_allowed_and_no_secret() -> None:
    tool = FakeTool(spec(parameters=SCHEMA))
    with pytest.raises(ToolFailed) as raised:
        caller(tool).prepare("look", {"token": "hunter2", "replicas": "x", "mode": "q"}, context(), influenced=False)
    text = str(raised.value)
    assert "missing namespace" in text
    assert "replicas: must be integer, not string" in text
    assert '"fast", "safe"' in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
        {"type": "object", "allOf": [{"$ref": "#"}]},
        {"type": 7},
    ],
)
def test_a_broken_schema_refuses_calls_and_fetches_nothing(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolFailed, match="cannot be called"):
        caller(FakeTool(spec(parameters=schema))).prepare("look", {"a": "x"}, context(), influenced=False)


def test_patterns_of_strangers_do_not_take_for_ever() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    prepared = caller(FakeTool(spec(parameters=schema))).prepare(
        "look", {"a": "a" * 40 + "!"}, context(), influenced=False
    )
    assert prepared.verdict == "allow"


def test_secrets_are_masked_wherever_they_stand() -> None:
    tool = FakeTool(spec(parameters=SCHEMA | {"additionalProperties": True}))
    sent = {"namespace": "a", "token": "s1", "deep": {"key": "s2"}, "api_key": "s3", "client_secret": "s4"}
    shown = caller(tool).prepare("look", sent, context(), influenced=False).shown
    assert not any(secret in str(shown) for secret in ("s1", "s2", "s3", "s4"))
    assert shown["namespace"] == "a"


def test_a_tool_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ToolFailed, match="Did you mean look"):
        caller(FakeTool(spec())).prepare("lock", {}, context(), influenced=False)
    with pytest.raises(ToolFailed, match="Not connected"):
        caller(FakeTool(spec(reason="Not connected."))).prepare("look", {}, context(), influenced=False)


async def test_a_row_stands_before_the_call_and_is_ended_after_it() -> None:
    audit = FakeAudit()
    tool = FakeTool(spec(risk="write"))
    calling = caller(tool, audit=audit)
    prepared = calling.prepare("look", {"what": "x"}, context(), influenced=False)
    assert prepared.verdict == "ask"
    assert audit.rows == []
    result = await calling.perform(prepared, decision="approved", decided_by="ann")
    assert (result.status, result.text) == ("succeeded", "Done.")
    (row,) = audit.rows
    assert (row["decision"], row["by"], row["status"]) == ("approved", "ann", "succeeded")


async def test_without_a_record_there_is_no_call() -> None:
    tool = FakeTool(spec())
    calling = caller(tool, audit=FakeAudit(broken=True))
    with pytest.raises(OSError, match="no disk"):
        await calling.perform(calling.prepare("look", {}, context(), influenced=False))
    assert tool.calls == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ToolFailed("Sent a, want b."), "Sent a, want b."),
        (NotFound("No such page."), "look failed: No such page."),
        (ValueError("password=hunter2"), "ValueError"),
        (RecursionError("deep"), "RecursionError"),
    ],
)
async def test_what_goes_wrong_is_a_result_and_told_safely(
    error: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    calling = caller(FakeTool(spec(), error=error))
    result = await calling.perform(calling.prepare("look", {}, context(), influenced=False))
    assert result.status == "failed"
    assert told in result.text
    assert "hunter2" not in result.text + caplog.text


async def test_a_slow_tool_is_stopped_and_a_stubborn_one_left_behind() -> None:
    slow = FakeTool(spec("slow", timeout_s=0.01), pause=60)
    stubborn = FakeTool(spec("stubborn", timeout_s=0.01), pause=1.5, heeds_cancelling=False)
    calling = caller(slow, stubborn)
    for name in ("slow", "stubborn"):
        result = await calling.perform(calling.prepare(name, {}, context(), influenced=False))
        assert result.status == "failed"
        assert "took longer than the 0.01 seconds" in result.text
    assert slow.cancelled == 1


async def test_cancelling_reaches_the_tool_and_the_record() -> None:
    audit = FakeAudit()
    tool = FakeTool(spec(), pause=60)
    calling = caller(tool, audit=audit)
    task = asyncio.create_task(calling.perform(calling.prepare("look", {}, context(), influenced=False)))
    while not tool.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tool.cancelled, audit.rows[0]["status"]) == (1, "cancelled")


async def test_a_long_output_is_cut_with_a_notice_and_kept() -> None:
    keeper = FakeKeeper()
    output = ToolOutput(text="head\n" + "x" * 50_000 + "\ntail", data={"n": float("nan")})
    calling = caller(FakeTool(spec(max_output_chars=2000), output=output), keeper=keeper)
    result = await calling.perform(calling.prepare("look", {}, context(), influenced=False), max_chars=1000)
    assert result.status == "cut"
    assert len(result.text) <= 1000
    assert result.text.startswith("head")
    assert result.text.endswith("tail")
    assert "characters are left out" in result.text
    assert keeper.kept == [output.text]
    assert result.artifact_id == "artifact-1"
    assert result.output is not None
    assert result.output.data is None


async def test_evidence_is_numbered_from_where_the_run_is() -> None:
    evidence = Evidence(
        number=1, document_id="d", knowledge_base_id="b", path="p.md", title="P", url="", heading_path=(), anchor="",
        text="[1] fuse", start=0, end=8, score=1.0,
    )  # fmt: skip
    output = ToolOutput(text="free text [1]", evidence=(evidence,))
    calling = caller(FakeTool(spec(), output=output))
    result = await calling.perform(calling.prepare("look", {}, context(), influenced=False), first_number=7)
    assert result.output is not None
    assert [each.number for each in result.output.evidence] == [7]
    assert result.text.endswith("To be cited as: [7] P")


@pytest.mark.parametrize(
    ("risk", "setting", "influenced", "verdict"),
    [
        ("read", None, False, "allow"),
        ("read", None, True, "allow"),
        ("read", "ask", False, "ask"),
        ("read", "off", False, "deny"),
        ("write", None, False, "ask"),
        ("write", "allow", False, "allow"),
        ("write", "allow", True, "ask"),
        ("unknown", None, False, "ask"),
        ("unknown", "off", False, "deny"),
        ("destructive", None, False, "ask_twice"),
        ("destructive", "allow", False, "ask"),
        ("destructive", "allow", True, "ask_twice"),
    ],
)
def test_the_policy(risk: Any, setting: Any, influenced: bool, verdict: str) -> None:
    overrides = {} if setting is None else {"look": Override(setting=setting, source="builtin", risk=risk)}
    calling = caller(FakeTool(spec(risk=risk)), overrides=overrides)
    assert calling.prepare("look", {}, context(), influenced=influenced).verdict == verdict


def test_what_was_allowed_to_one_tool_is_not_allowed_to_another_of_its_name() -> None:
    overrides = {"look": Override(setting="allow", source="ours", risk="write")}
    calling = caller(FakeTool(spec(risk="write", source="theirs")), overrides=overrides)
    assert calling.prepare("look", {}, context(), influenced=False).verdict == "ask"


def test_a_read_that_leaves_the_house_asks_after_untrusted_text() -> None:
    calling = caller(FakeTool(spec(open_world=True)))
    assert calling.prepare("look", {}, context(), influenced=False).verdict == "allow"
    assert calling.prepare("look", {}, context(), influenced=True).verdict == "ask"


@pytest.mark.parametrize(("roles", "verdict"), [(("viewer",), "deny"), (("operator",), "ask"), (("stranger",), "deny")])
def test_roles(roles: tuple[str, ...], verdict: str) -> None:
    from knowledge.types import Scope

    calling = caller(FakeTool(spec(risk="write")))
    scope = Scope(workspace_id="local", user_id="ann", roles=roles)
    assert calling.prepare("look", {}, context(scope=scope), influenced=False).verdict == verdict
