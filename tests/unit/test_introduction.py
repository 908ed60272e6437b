from __future__ import annotations

import pytest

from agents.answering.greetings import asks_of_us, greets
from agents.answering.introduction import MOST_NAMED, Base, Installation, introduction


def test_what_is_on_is_told_and_of_what_is_off_how_to_get_it() -> None:
    bases = [Base(name="ops*_1", documents=3), Base(name="new", documents=0)]
    here = Installation(
        bases=bases, model="qwen", modes=["Q&A"], tool_count=2, tool_groups=["prom"], languages=["shell"]
    )
    told = introduction(here, "en")
    for part in ("(2): ops _1 (3 documents), new (still being read)", "qwen writes", "Q&A", "(2): prom", "shell code"):
        assert part in told
    nothing = introduction(Installation(), "zh")
    for part in ("还没有", "没有选择", "没有启用", "不运行代码"):
        assert part in nothing
    many = Installation(bases=[Base(name=f"b{number}", documents=1) for number in range(MOST_NAMED + 3)])
    assert "3 more" in introduction(many, "en")


@pytest.mark.parametrize("said", ["What can you do?", "hi, who are you", "你能做什么？", "你好，你是谁", "帮助"])
def test_what_is_asked_of_the_product_itself(said: str) -> None:
    assert asks_of_us(said)
    assert greets(said)


@pytest.mark.parametrize("said", ["hi", "What can you do with a rollout?", "能做什么样的告警"])
def test_what_is_not(said: str) -> None:
    assert not asks_of_us(said)
