"""Handing on a long answer does not hold up what else the process has to do."""

from __future__ import annotations

import asyncio

from agents.answering.deltas import DeltaWriter, feed_in_turns
from agents.sanitising.inline import escaped
from agents.sanitising.stream import Sanitiser, sanitise


async def test_others_have_their_turn_within_a_long_piece() -> None:
    text = "[a](b) " * 10_000
    written: list[str] = []
    writer = DeltaWriter(Sanitiser(hosts=(), marker=escaped), written.append, interval_s=0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await feed_in_turns(writer.feed, text)
    task.cancel()
    writer.finish()
    assert turns >= len(text) / 2_500
    assert "".join(written) == writer.text == sanitise(text, hosts=())


async def test_a_short_piece_is_handed_on_at_once() -> None:
    fed: list[str] = []
    task = asyncio.ensure_future(feed_in_turns(fed.append, "a word "))
    await asyncio.sleep(0)
    assert task.done()
    assert fed == ["a word "]
