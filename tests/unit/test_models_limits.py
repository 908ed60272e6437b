"""A model is asked so often at once and in a minute, and no more."""

from __future__ import annotations

import asyncio

from agents.messages.parts import Message
from agents.models.limits import LimitedModel, ModelLimits
from agents.models.scripted import ScriptedChatModel
from tests.clock import Clock


async def asked(model: LimitedModel) -> None:
    async for _ in model.stream([Message.of("user", "?")]):
        pass


async def test_no_more_than_so_many_at_once_and_a_place_is_given_back() -> None:
    hanging = ScriptedChatModel("x", hangs=True)
    model = LimitedModel(hanging, ModelLimits(at_once=2))
    tasks = [asyncio.create_task(asked(model)) for _ in range(4)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(hanging.asked) == 2
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(hanging.asked) == 3
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_no_more_than_so_many_in_a_minute() -> None:
    clock, slept = Clock(), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    model = LimitedModel(ScriptedChatModel("x"), ModelLimits(per_minute=2, clock=clock, sleep=sleep))
    for _ in range(5):
        await asked(model)
    assert slept == [60.0, 60.0]
