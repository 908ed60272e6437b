"""kill -9 at random moments of building: nothing is lost, nothing doubled, nothing stale is left."""

from __future__ import annotations

import multiprocessing
import random
from multiprocessing.context import ForkServerContext

import pytest

from knowledge.types import KnowledgeBase
from tests import building_process
from tests.workshop import Workshop

ROUNDS, PAGES = 20, 30
MOST_ROUNDS = 3 * ROUNDS


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


def kill_during_a_build(server: ForkServerContext, workshop: Workshop, base: KnowledgeBase, after_s: float) -> bool:
    """Whether the build was still going on when it was killed."""
    here, there = server.Pipe()
    url = workshop.database.engine.url.render_as_string(hide_password=False)
    process = server.Process(target=building_process.build, args=(url, str(workshop.data.parent), base.id, there))
    process.start()
    with here, there:
        assert here.poll(60), "the child did not begin"
        process.join(after_s)
        alive = process.is_alive()
        process.kill()
        process.join()
    return alive


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
    killed, latest_s = 0, 1.2
    for round_ in range(MOST_ROUNDS):
        if round_ >= ROUNDS and killed > ROUNDS // 2:
            break
        edit(workshop, chance, round_)
        if kill_during_a_build(server, workshop, base, chance.uniform(0.0, latest_s)):
            killed += 1
        else:
            latest_s *= 0.7  # a faster machine: the build was over before the moment came
        # What stands right after the kill is whole, though not complete.
        assert workshop.broken() == []
        if round_ % 4 == 3:
            workshop.build(base)
            assert stale(workshop, base, round_) == []
            assert workshop.broken() == []
            assert all(each.done == each.total for each in workshop.statistics(base).vectors)
    assert killed > ROUNDS // 2
