"""Every projection holds of its documents what the database says, remembers how far it has come, and begins anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.indexes.lexical_projection import LexicalProjection
from knowledge.indexes.vector_projection import VectorProjection
from knowledge.ports import Projection
from knowledge.storage.changes import TEXT, vectors_of
from knowledge.types import KnowledgeBase
from tests.projections import Counts
from tests.workshop import Workshop

Opener = Callable[[str, Path], Projection]
OPENERS: dict[str, Opener] = {
    "fts": lambda base, folder: LexicalProjection(base, FtsIndex(folder / "contract" / "words.db")),
    "faiss": lambda base, folder: VectorProjection(base, "fast"),
    "fake": lambda base, folder: Counts(base),
}


class Zoo:
    """A base of three documents of a chunk each, all of them built, and one projection that knows nothing of it."""

    def __init__(self, workshop: Workshop, base: KnowledgeBase, projection: Projection) -> None:
        self.workshop = workshop
        self.base = base
        self.projection = projection

    def follow(self, position: int, *paths: str) -> None:
        """Have it told of these documents."""
        ids = [document.id for path, document in self.workshop.documents(self.base).items() if path in paths]
        self.tell(ids, position)

    def tell(self, ids: list[str], position: int) -> None:
        with self.workshop.database.read() as connection:
            apply = self.projection.load(connection, ids)
        with self.projection.alone(5.0) as mine:
            assert mine
            apply(position)


@pytest.fixture(params=OPENERS)
def zoo(request: pytest.FixtureRequest, workshop: Workshop, tmp_path: Path) -> Zoo:
    for animal in ("zebra", "walrus", "otter"):
        workshop.write(f"{animal}.md", f"# The house\n\nThe {animal} lives here.\n")
    base = workshop.make_base()
    workshop.build(base)
    return Zoo(workshop, base, OPENERS[request.param](base.id, tmp_path))


def test_it_says_what_it_is(zoo: Zoo) -> None:
    projection = zoo.projection
    assert projection.name
    assert projection.aspect in (TEXT, vectors_of(projection.name))
    assert isinstance(projection.is_shared, bool)


def test_a_new_one_knows_nothing(zoo: Zoo) -> None:
    assert (zoo.projection.position(), zoo.projection.check()) == (0, 0)


def test_it_holds_what_it_was_told_of_and_how_far_that_is(zoo: Zoo) -> None:
    zoo.follow(7, "zebra.md", "walrus.md")
    assert (zoo.projection.position(), zoo.projection.check()) == (7, 2)
    zoo.follow(8, "otter.md")
    assert (zoo.projection.position(), zoo.projection.check()) == (8, 3)


def test_nothing_is_held_before_what_was_loaded_is_applied(zoo: Zoo) -> None:
    with zoo.workshop.database.read() as connection:
        zoo.projection.load(connection, [each.id for each in zoo.workshop.documents(zoo.base).values()])
    assert (zoo.projection.position(), zoo.projection.check()) == (0, 0)


def test_being_told_twice_holds_it_once(zoo: Zoo) -> None:
    zoo.follow(1, "zebra.md")
    zoo.follow(2, "zebra.md")
    assert (zoo.projection.position(), zoo.projection.check()) == (2, 1)


def test_what_is_gone_is_forgotten_and_what_never_was_is_nothing(zoo: Zoo) -> None:
    zoo.follow(1, "zebra.md", "walrus.md")
    gone = zoo.workshop.documents(zoo.base)["zebra.md"].id
    with zoo.workshop.database.write() as connection:
        zoo.workshop.ingestor.remove_documents(connection, zoo.base, [gone])
    zoo.tell([gone, "never-there"], 2)
    assert (zoo.projection.position(), zoo.projection.check()) == (2, 1)


def test_documents_of_another_base_are_nothing_to_it(zoo: Zoo, tmp_path: Path) -> None:
    other = zoo.workshop.make_base("other")
    zoo.workshop.build(other)
    zoo.tell([each.id for each in zoo.workshop.documents(other).values()], 3)
    assert zoo.projection.check() == 0


@pytest.mark.parametrize("forget", ["rebuild", "drop"])
def test_forgotten_it_is_as_new_and_can_be_told_everything_again(zoo: Zoo, forget: str) -> None:
    zoo.follow(9, "zebra.md", "walrus.md")
    with zoo.projection.alone(5.0) as mine:
        assert mine
        getattr(zoo.projection, forget)()
    assert (zoo.projection.position(), zoo.projection.check()) == (0, 0)
    zoo.follow(4, "otter.md")
    assert (zoo.projection.position(), zoo.projection.check()) == (4, 1)
