"""What the bench of the scheduler is made of: a model and a tool at no cost, and the same loop in bare LangGraph."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from agents.messages.parts import Message, ToolCall, ToolResult
from agents.ports import ModelEvent, ModelFinished, ModelOptions, ModelProfile, TextPiece, TokenUsage, ToolDefinition
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from knowledge.types import Scope

ME = Scope(workspace_id="local", user_id="local")


class Effects:
    """What was done outside, one line each, in a file that survives whoever wrote it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{line}\n")
            file.flush()

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


@dataclass
class Model:
    """A model that is a function of what it is asked, and notes when it is asked and when it has answered."""

    replies: Callable[[Sequence[Message]], str | ToolCall]
    effects: Effects | None = None
    pause_s: float = 0.0
    name: str = "bench"
    profile: ModelProfile = field(default_factory=ModelProfile)

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        said = self.replies(messages)
        label = said if isinstance(said, str) else f"call {said.id}"
        if self.effects is not None:
            self.effects.add(f"asked {label}")
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        yield TextPiece(text=said) if isinstance(said, str) else said
        yield ModelFinished(reason="stop")
        yield TokenUsage(input_tokens=10, output_tokens=2)


@dataclass
class BenchTool:
    """A tool that writes a line and says so."""

    risk: Any
    effects: Effects | None = None
    pause_s: float = 0.0

    @property
    def spec(self) -> ToolSpec:
        what = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
        return ToolSpec(name="act", description="Acts.", parameters=what, risk=self.risk)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        if self.effects is not None:
            self.effects.add(f"effect {arguments['what']}")
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        return ToolOutput(text=f"{arguments['what']} is done")


def stepping(steps: int) -> Callable[[Sequence[Message]], str | ToolCall]:
    def replies(messages: Sequence[Message]) -> str | ToolCall:
        done = sum(isinstance(part, ToolResult) for message in messages for part in message.parts)
        return (
            "Done." if done >= steps else ToolCall(id=f"c{done}", name="act", arguments=json.dumps({"what": f"{done}"}))
        )

    return replies


def _added(before: list[Message], new: list[Message]) -> list[Message]:
    return [*before, *new]


class BareState(TypedDict):
    messages: Annotated[list[Any], _added]


async def bare(folder: Path, steps: int) -> float:
    """The same loop in bare LangGraph with its SQLite saver: seconds a step."""
    model, tool = Model(stepping(steps)), BenchTool("read")
    context = ToolContext(call_id="c", scope=ME)

    async def think(state: BareState) -> dict[str, Any]:
        parts: list[Any] = []
        async for event in model.stream([_message(each) for each in state["messages"]]):
            if isinstance(event, TextPiece):
                parts.append({"kind": "text", "text": event.text})
            elif isinstance(event, ToolCall):
                parts.append({"kind": "call", "id": event.id, "arguments": event.arguments})
        return {"messages": [{"role": "assistant", "parts": parts}]}

    async def act(state: BareState) -> dict[str, Any]:
        call = state["messages"][-1]["parts"][-1]
        output = await tool.call(json.loads(call["arguments"]), context)
        return {"messages": [{"role": "tool", "parts": [{"kind": "result", "id": call["id"], "text": output.text}]}]}

    def following(state: BareState) -> str:
        return "act" if state["messages"][-1]["parts"][-1]["kind"] == "call" else END

    graph = StateGraph(BareState)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", following)
    graph.add_edge("act", "think")
    async with AsyncSqliteSaver.from_conn_string(str(folder / "bare.db")) as saver:
        compiled = graph.compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 3 * steps + 10}
        begun = time.perf_counter()
        question = {"messages": [{"role": "user", "parts": [{"kind": "text", "text": "How?"}]}]}
        async for _ in compiled.astream(question, config=config, stream_mode="updates"):
            pass
        return (time.perf_counter() - begun) / steps


def _message(held: Mapping[str, Any]) -> Message:
    parts = [ToolResult(call_id=each["id"], content=each["text"]) for each in held["parts"] if each["kind"] == "result"]
    return Message(role=held["role"], parts=tuple(parts))
