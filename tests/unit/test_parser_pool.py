"""The pool of parsers: fair between lanes, bounded in time and memory, and never short of children."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from knowledge.parsing.pool import ParserPool, Reply

FOREVER = 3600.0


class Children:
    """Fake children: each answers at once, unless it is asked to hang; a hanging one ends when it is killed."""

    def __init__(self) -> None:
        self.alive: list[FakeChild] = []
        self.started = 0
        self.sizes: dict[str, int] = {}
        self.hanging = threading.Semaphore(0)
        self.spent: float | None = None

    def __call__(self) -> FakeChild:
        self.started += 1
        child = FakeChild(self)
        self.alive.append(child)
        return child


class FakeChild:
    def __init__(self, children: Children) -> None:
        self._children = children
        self._killed = threading.Event()
        self._file = ""
        self.closed = threading.Event()
        self.yields = False
        self.code = -9

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        if self._killed.is_set():
            return None
        self._file = request["file"]
        if "kills" in request:
            self.code = request["kills"]
            return None
        if request.get("hang"):
            self._children.hanging.release()
            self._killed.wait()
            return None
        return {"read": self._file, "retire": request.get("retire", False)}

    def resident_bytes(self) -> int:
        return self._children.sizes.get(self._file, 0)

    def processor_seconds(self) -> float | None:
        return self._children.spent

    def yield_to_others(self) -> None:
        self.yields = True

    def kill(self) -> None:
        self._killed.set()

    def crash(self) -> None:
        """As at a fault of its own, which its file is blamed for."""
        self.code = -11
        self._killed.set()

    def close(self) -> int:
        self._killed.set()
        self._children.alive.remove(self)
        self.closed.set()
        return self.code


@pytest.fixture
def children() -> Children:
    return Children()


@pytest.fixture
def pool(children: Children) -> Iterator[ParserPool]:
    made = ParserPool(1, memory_bytes=1000, start=children)
    yield made
    for child in list(children.alive):
        child.crash()
    made.close()
    assert children.alive == []


class Hanging:
    """A request that hangs in a thread until its child is killed."""

    def __init__(self, pool: ParserPool, children: Children, lane: str, file: str, seconds: float = FOREVER) -> None:
        self.reply: Reply | None = None
        self._thread = threading.Thread(target=self._ask, args=(pool, lane, file, seconds))
        self._thread.start()
        children.hanging.acquire()

    def _ask(self, pool: ParserPool, lane: str, file: str, seconds: float) -> None:
        self.reply = pool.ask({"file": file, "hang": True}, lane=lane, seconds=seconds)

    def ended(self) -> str:
        self._thread.join()
        assert self.reply is not None
        assert self.reply.answer is None
        return self.reply.ended


def read(pool: ParserPool, lane: str, file: str, **more: Any) -> Any:
    reply = pool.ask({"file": file, **more}, lane=lane, seconds=FOREVER)
    return None if reply.answer is None else reply.answer["read"]


def test_one_warm_child_serves_file_after_file(pool: ParserPool, children: Children) -> None:
    assert [read(pool, lane, str(number)) for number in range(5) for lane in "ab"]
    assert children.started == 1


def test_a_file_that_hangs_holds_up_no_other_lane(pool: ParserPool, children: Children) -> None:
    stuck = [Hanging(pool, children, lane, "hostile.pdf") for lane in ("first", "second", "third")]
    assert [read(pool, "fourth", f"{number}.md") for number in range(3)] == ["0.md", "1.md", "2.md"]
    assert all(each.reply is None for each in stuck)


def test_a_lane_waits_for_its_own_child_and_others_for_room(children: Children) -> None:
    pool = ParserPool(1, memory_bytes=1000, start=children, lanes=2)
    first, second = Hanging(pool, children, "a", "1.pdf"), Hanging(pool, children, "b", "2.pdf")
    answers: list[str] = []
    waiting = [threading.Thread(target=lambda lane=lane: answers.append(read(pool, lane, lane))) for lane in ("a", "c")]
    for thread in waiting:
        thread.start()
    children.alive[1].crash()
    assert second.ended() == "crashed"
    waiting[1].join()
    assert answers == ["c"]
    children.alive[0].crash()
    assert first.ended() == "crashed"
    waiting[0].join()
    assert answers == ["c", "a"]
    pool.close()


def test_what_takes_too_long_is_ended_and_the_next_file_gets_another_child(
    pool: ParserPool, children: Children
) -> None:
    assert Hanging(pool, children, "a", "hostile.pdf", seconds=0.01).ended() == "time"
    assert read(pool, "a", "next.md") == "next.md"
    assert children.started == 2


def test_a_lane_that_was_slow_yields_with_its_next_files_too(
    pool: ParserPool, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.parsing.pool._MOMENT_S", 0.1)
    monkeypatch.setattr("knowledge.parsing.pool._YIELDING_FILES", 2)
    assert Hanging(pool, children, "slow", "hostile.pdf", seconds=0.2).ended() == "time"
    yielding = []
    for lane in ("slow", "other", "slow", "slow"):
        assert read(pool, lane, "a.md")
        yielding.append(sorted(child.yields for child in children.alive))
    assert yielding == [[True], [False, True], [False, True], [False, True]]
    assert children.started == 3  # the one that was ended, one that yields, one that does not


def test_who_yields_is_judged_by_the_time_it_was_given(
    pool: ParserPool, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.parsing.pool._MOMENT_S", 0.0)
    monkeypatch.setattr("knowledge.parsing.pool._PATIENCE", 1e9)
    children.spent = 7.0
    starved = Hanging(pool, children, "a", "large.pdf", seconds=0.01)
    while not children.alive[0].yields:
        time.sleep(0.01)
    time.sleep(0.2)
    assert starved.reply is None
    children.spent = 7.1
    assert starved.ended() == "time"


def test_above_the_budget_of_memory_the_largest_is_ended(pool: ParserPool, children: Children) -> None:
    children.sizes = {"small.md": 300, "bomb.xlsx": 600, "next.md": 300}
    small = Hanging(pool, children, "a", "small.md")
    bomb = Hanging(pool, children, "b", "bomb.xlsx")
    children.sizes["bomb.xlsx"] = 900
    assert bomb.ended() == "memory"
    assert small.reply is None
    assert read(pool, "b", "next.md") == "next.md"


def test_children_that_only_wait_give_their_memory_first(pool: ParserPool, children: Children) -> None:
    children.sizes = {"large.md": 300, "done.md": 800}
    large = Hanging(pool, children, "a", "large.md")
    read(pool, "b", "done.md")
    idle = children.alive[1]
    assert idle.closed.wait(timeout=60)
    assert large.reply is None
    assert read(pool, "b", "next.md") == "next.md"


def test_a_child_that_asks_to_be_replaced_is(pool: ParserPool, children: Children) -> None:
    read(pool, "a", "large.pdf", retire=True)
    read(pool, "a", "next.md")
    assert children.started == 2


def test_a_child_that_died_while_idle_costs_no_file(pool: ParserPool, children: Children) -> None:
    read(pool, "a", "first.md")
    children.alive[0].kill()
    assert read(pool, "a", "innocent.md") == "innocent.md"
    assert children.started == 2
    assert read(pool, "a", "next.md") == "next.md"
    assert children.started == 2


@pytest.mark.parametrize(
    ("warm", "code", "tries"),
    [
        pytest.param(True, -11, 2, id="what an earlier file left behind may have ended it"),
        pytest.param(False, -9, 2, id="the system may have ended it for another's memory"),
        pytest.param(False, -15, 2, id="somebody ended it"),
        pytest.param(False, -11, 1, id="it was new and crashed at this file"),
        pytest.param(False, 1, 1, id="it was new and ended at this file"),
    ],
)
def test_a_file_that_ends_its_children_is_given_up(
    pool: ParserPool, children: Children, warm: bool, code: int, tries: int
) -> None:
    if warm:
        read(pool, "a", "first.md")
    started = children.started
    reply = pool.ask({"file": "hostile.pdf", "kills": code}, lane="a", seconds=FOREVER)
    assert reply == Reply(answer=None, ended="crashed", code=code)
    assert children.started - started == tries - warm
    assert children.alive == []
    assert read(pool, "a", "next.md") == "next.md"


def test_a_closed_pool_reads_nothing(children: Children) -> None:
    pool = ParserPool(1, memory_bytes=1000, start=children)
    read(pool, "a", "a.md")
    pool.close()
    assert children.alive == []
    with pytest.raises(RuntimeError):
        read(pool, "a", "b.md")
