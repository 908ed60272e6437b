"""kill -9 at random moments of building: nothing is lost, nothing doubled, nothing stale is left."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.context import ForkServerContext

import pytest

from knowledge.types import KnowledgeBase
from tests import building_process
from tests.workshop import Workshop

KILLS, PAGES = 11, 30
MOST_ROUNDS = 3 * KILLS


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.building_process"])
    return context


def edit(workshop: Workshop, chance: random.Random, round_: int) -> None:
    """Change some pages, remove some, add some; every page says in which round it was last written."""
    for number in range(PAGES):
        path = f"page-{number}.md"
        choice = chance.random()
        if choice < 0.15:
            (workshop.pages / path).unlink(missing_ok=True)
        elif choice < 0.6:
            sections = "\n".join(f"## Part {part}\n\nPart{part} of {'word ' * 60}\n" for part in range(4))
            workshop.write(path, f"# Page{number}\n\nWritten in round{round_}x.\n\n{sections}")


def kill_during_a_build(
    server: ForkServerContext, workshop: Workshop, base: KnowledgeBase, after_s: float | None
) -> tuple[bool, float]:
    """Whether the build was still going on when it was killed, and how long it took or lived. None lets it end."""
    here, there = server.Pipe()
    url = workshop.database.engine.url.render_as_string(hide_password=False)
    process = server.Process(target=building_process.build, args=(url, str(workshop.data.parent), base.id, there))
    process.start()
    with here, there:
        assert here.poll(60), "the child did not begin"
        begun = time.monotonic()
        process.join(after_s)
        took_s = time.monotonic() - begun
        alive = process.is_alive()
        process.kill()
        process.join()
    return alive, took_s


def stale(workshop: Workshop, base: KnowledgeBase, round_: int) -> list[str]:
    """Pages found by what they no longer say, or not found by what they say."""
    wrong = []
    pages = {page.name: page.read_text(encoding="utf-8") for page in workshop.pages.iterdir()}
    if set(workshop.documents(base)) != set(pages):
        wrong.append(f"documents {sorted(set(workshop.documents(base)) ^ set(pages))}")
    for past in range(round_ + 1):
        word = f"round{past}x"
        if workshop.found_by_words(base, word) != sorted(name for name, text in pages.items() if word in text):
            wrong.append(word)
    return wrong


def test_builds_killed_at_random_moments(workshop: Workshop, server: ForkServerContext) -> None:
    chance = random.Random(20)
    base = workshop.make_base()
    edit(workshop, chance, 0)
    _, whole_s = kill_during_a_build(server, workshop, base, None)
    killed = 0
    for round_ in range(1, MOST_ROUNDS):
        if killed == KILLS:
            break
        edit(workshop, chance, round_)
        alive, took_s = kill_during_a_build(server, workshop, base, chance.uniform(0.0, whole_s))
        killed += alive
        if not alive:  # there was less to do than at first
            whole_s = min(whole_s, took_s)
        # What stands right after the kill is whole, though not complete.
        assert workshop.broken() == []
        if round_ % 4 == 3:
            workshop.build(base)
            assert stale(workshop, base, round_) == []
            assert workshop.broken() == []
            assert all(each.done == each.total for each in workshop.statistics(base).vectors)
    assert killed == KILLS
