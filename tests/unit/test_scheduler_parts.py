"""The parts of the scheduler that decide: budgets, circles, positions, shapes, and another model when one fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agents.errors import AgentError, BudgetSpent, ModelUnavailable
from agents.messages.parts import Message, ToolCall, ToolResult
from agents.models.fallback import FallbackModel
from agents.models.scripted import ScriptedChatModel
from agents.phases.definition import BudgetLimits
from agents.phases.phase import Outcome
from agents.phases.spec import Budget
from agents.ports import CodeFile, CodeResult, ModelEvent, TextPiece
from agents.scheduler.budget import Meter, Spent, limits_of
from agents.scheduler.fitting import fitted
from agents.scheduler.loops import CallGuard, check_handoffs
from agents.scheduler.positions import most_steps
from agents.scheduler.selector import chosen
from agents.scheduler.structured import NotOfShape, read_object
from tests.agents_at_work import CountingTool, phase
from tests.clock import Clock
from tests.performing import ToldModel, attempt, phase_of

SHAPE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_the_lesser_limit_holds() -> None:
    least = limits_of(BudgetLimits(steps=10, tokens=None), Budget(steps=50, tool_calls=3, tokens=7))
    assert (least.steps, least.tool_calls, least.tokens, least.seconds, least.cost) == (10, 3, 7, 600, None)


def test_what_is_recorded_counts() -> None:
    clock = Clock()
    recorded = {
        "a/model.1": {"spent": {"steps": 1, "tokens": 90}, "worked": 4.0},
        "a/tool.1": {"spent": {"tool_calls": 1}, "worked": 5.5},
        "approval/x": {"decision": "approve"},
    }
    meter = Meter(Budget(steps=2, tool_calls=1, tokens=200, seconds=10), recorded, clock)
    assert meter.worked == 5.5
    with pytest.raises(BudgetSpent, match="calls of tools"):
        meter.begin_call()
    meter.begin_step()
    meter.spend(Spent(tokens=200))
    with pytest.raises(BudgetSpent) as spent:
        meter.begin_step()
    assert (spent.value.limit, spent.value.used) == ("tokens", 290)
    clock.now += 5
    assert meter.seconds_left == 0.0


def test_a_call_whose_result_changes_may_be_made_again() -> None:
    guard = CallGuard()
    for result in ("starting", "starting", "ready", "ready"):
        guard.note("look", "{}", result)
    assert guard.repeated("look", "{}") == 4
    changing = CallGuard()
    for result in ("starting", "still starting"):
        changing.note("look", "{}", result)
    assert changing.repeated("look", "{}") == 0


def test_handoffs() -> None:
    check_handoffs(("a", "b", "a", "b"))
    with pytest.raises(BudgetSpent):
        check_handoffs(("a", "b") * 3)


@pytest.mark.parametrize(
    "said", ['{"n": 1}', 'Sure!\n```json\n{"n": 1}\n```\nDone.', 'I {think} so: {"n": 1}', '{"m": 0} no, {"n": 1}']
)
def test_an_object_is_found_whatever_stands_around_it(said: str) -> None:
    assert read_object(said, SHAPE) == {"n": 1}


@pytest.mark.parametrize("said", ["", "{" * 5000, '{"n": "x"}', "[1]", '{"n": 1', '{"n": NaN}'])
def test_what_is_none_says_what_is_wrong(said: str) -> None:
    with pytest.raises(NotOfShape, match=r"\w+"):
        read_object(said, SHAPE)


@pytest.mark.parametrize(
    ("said", "choice"),
    [("coder", "coder"), ("**Coder**.", "coder"), ("coder or reader", None), ("", None), ("the coders", None)],
)
def test_a_choice_is_one_of_those_there_are(said: str, choice: str | None) -> None:
    assert chosen(said, {"coder": "", "reader": ""}) == choice


def test_the_graph_has_room_for_every_round_and_return() -> None:
    definition = phase(
        {"writer": {"kind": "single"}, "checker": {"kind": "checker", "checks": "writer", "max_returns": 10}},
        {"name": "main", "agents": ["writer", "checker"], "rounds": 50},
    )
    assert most_steps(definition) >= 2 * (50 + 10)


async def test_another_model_answers_when_the_first_cannot_be_had() -> None:
    away = ScriptedChatModel(error=ModelUnavailable("away"), failures=5)
    model = FallbackModel(away, [lambda: ScriptedChatModel("Here I am.", name="second")])
    said = [event.text async for event in model.stream([Message.of("user", "?")]) if isinstance(event, TextPiece)]
    assert said == ["Here I am."]


async def test_what_broke_off_in_the_middle_is_not_begun_by_another() -> None:
    broken = ScriptedChatModel("Half", error=ModelUnavailable("away"))
    model = FallbackModel(broken, [lambda: ScriptedChatModel("Other")])
    said: list[ModelEvent] = []

    async def listen(events: AsyncGenerator[ModelEvent, None]) -> None:
        async for event in events:
            said.append(event)

    with pytest.raises(ModelUnavailable):
        await listen(model.stream([Message.of("user", "?")]))
    assert [event.text for event in said if isinstance(event, TextPiece)] == ["Half"]


async def test_of_too_many_tools_those_that_fit_are_offered() -> None:
    seen: list[Any] = []

    class Watching(ToldModel):
        def stream(self, messages: Any, tools: Any = (), options: Any = None) -> Any:
            seen.append([tool.name for tool in tools])
            return super().stream(messages, tools, options)

    tools = [CountingTool(f"tool_{number}") for number in range(200)] + [CountingTool("restart_deployment")]
    performed = phase_of(phase({"worker": {"kind": "react", "speaks": True}}, tools=["*"]))
    done = await attempt(
        performed, Watching(lambda messages: "Fine."), tools, question="How do I restart a deployment?"
    )
    assert isinstance(done.end, Outcome)
    assert len(seen[0]) == 64
    assert seen[0][0] == "restart_deployment"


def test_old_outputs_go_first_and_what_ends_them_stays() -> None:
    def output(number: int) -> Message:
        content = f"<tool-output-c tool='t'>\n{'word ' * 3000}\n</tool-output-c>"
        return Message(role="tool", parts=(ToolResult(call_id=f"c{number}", content=content),))

    conversation = [Message.of("system", "Rules."), *map(output, range(12)), Message.of("user", "Go on.")]
    fitting = fitted(conversation, None)
    sizes = [len(each.parts[0].content) for each in fitting if isinstance(each.parts[0], ToolResult)]
    assert sizes[0] < 1000 < sizes[-1]
    assert sizes == sorted(sizes)
    assert all(part.content.endswith("</tool-output-c>") for each in fitting for part in each.parts
               if isinstance(part, ToolResult))  # fmt: skip
    assert (fitting[0], fitting[-1]) == (conversation[0], conversation[-1])
    assert fitted(conversation[:3], None) == conversation[:3]


class Sandbox:
    """Runs nothing: says that it printed the code and made a picture, a file, and one that is too large."""

    languages = ("python", "bash")

    async def run(
        self, scope: Any, session: str, code: str, *, language: str = "", timeout_s: Any = None
    ) -> CodeResult:
        files = (
            CodeFile(path="out/plot.png", media_type="image/png", size=4),
            CodeFile(path="notes.txt", media_type="text/plain", size=5),
            CodeFile(path="gone.bin", media_type="application/octet-stream", size=3),
            CodeFile(path="huge.bin", media_type="application/octet-stream", size=10**9),
        )
        return CodeResult(status="finished", stdout=f"{session} {language}: {code}", files=files)

    async def write_file(self, scope: Any, session: str, path: str, content: bytes) -> None: ...

    async def read_file(self, scope: Any, session: str, path: str) -> bytes:
        if path == "gone.bin":
            raise AgentError("There is no such file.")
        return b"\x89PNG" if path.endswith("png") else b"hello"


class Keeper:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def keep_file(self, content: bytes, *, name: str, media_type: str, context: Any) -> str:
        self.kept[name] = content
        return f"artifact of {name}"

    async def keep(self, text: str, *, name: str, context: Any) -> str:
        return ""


async def test_code_is_run_in_the_session_of_the_conversation_and_its_files_are_kept() -> None:
    def replies(messages: Any) -> Any:
        done = [part for each in messages for part in each.parts if isinstance(part, ToolResult)]
        return "Done." if done else ToolCall(id="c", name="run_code", arguments='{"code": "print(1)"}')

    keeper = Keeper()
    performed = phase_of(phase({"coder": {"kind": "react", "code": True, "speaks": True}}))
    done = await attempt(performed, ToldModel(replies), code=Sandbox(), keeper=keeper)
    told = next(event for event in done.told if event.kind == "tool_finished")
    assert told.output.startswith(f"status: finished\nstdout:\n{'t' * 32} python: print(1)")
    assert [each["artifact_id"] for each in told.data["files"]] == [
        "artifact of plot.png", "artifact of notes.txt", "", "",
    ]  # fmt: skip
    assert (told.view, len(told.data["images"])) == ("image", 1)
    assert sorted(keeper.kept) == ["notes.txt", "plot.png"]
    without = await attempt(performed, ToldModel(lambda messages: "No sandbox."))
    assert without.text == "No sandbox."
