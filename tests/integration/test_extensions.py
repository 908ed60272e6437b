"""What a new kind of source and a new engine take: a class of their own, handed to a registry, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from knowledge.errors import InvalidInput
from knowledge.events import DocumentFailed, DocumentSkipped
from knowledge.indexes.registry import ENGINES, Place
from knowledge.ports import Projection
from knowledge.sources import Reading, ReadRequest, SourceItem
from knowledge.sources.options import SourceOptions
from knowledge.storage.database import Database
from tests.projections import Counts
from tests.workshop import Workshop


class ShelfOptions(SourceOptions):
    pages: tuple[str, ...] = ()
    lost: str = ""


class ShelfReader:
    """A source that needs neither disk nor network: its pages stand in its options."""

    kind = "shelf"
    options = ShelfOptions
    is_local = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked: list[ReadRequest] = []

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        assert isinstance(request.options, ShelfOptions)
        self.asked.append(request)
        if not request.fresh and request.cursor == {"pages": list(request.options.pages)}:
            yield Reading(iter(()), cursor=request.cursor, unchanged=True)
            return
        unlisted = {request.options.lost: "The shelf is locked."} if request.options.lost else {}
        items = [self._item(page) for page in request.options.pages]
        items.append(SourceItem(path="dusty.md", status="skipped", reason="Too dusty."))
        yield Reading(iter(items), unlisted=unlisted, cursor={"pages": list(request.options.pages)})

    def _item(self, page: str) -> SourceItem:
        path = self._folder / page.replace("/", "-")
        path.write_text(f"# Animals\n\nThe {Path(page).stem} lives here.\n")
        return SourceItem(path=page, opener=lambda: nullcontext(path))


@pytest.fixture
def shelf(tmp_path: Path) -> ShelfReader:
    return ShelfReader(tmp_path)


def test_a_new_kind_of_source_is_one_class(database: Database, tmp_path: Path, shelf: ShelfReader) -> None:
    with Workshop(database, tmp_path, readers=[shelf]) as shop:
        base = shop.make_base(folder=False)
        with database.write() as connection:
            pages = ["zebra.md", "top/walrus.md"]
            source = shop.ingestor.add_source(connection, base, "shelf", "the third", {"pages": pages})
        events = shop.events(base)
        assert [event.path for event in events if isinstance(event, DocumentSkipped)] == ["dusty.md"]
        assert shop.found_by_words(base, "lives") == ["top/walrus.md", "zebra.md"]
        assert shop.build(base).unchanged == 2
        assert shelf.asked[-1].known == {"zebra.md", "top/walrus.md"}
        with database.write() as connection:
            shop.ingestor.change_source(connection, base, source.id, {"lost": "top"})
        events = shop.events(base)
        assert [event.path for event in events if isinstance(event, DocumentFailed)] == ["top"]
        assert shop.found_by_words(base, "lives") == ["top/walrus.md"]


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("attic", {}, "attic"),
        ("shelf", {"colour": "red"}, "colour"),
        ("shelf", {"pages": 5}, "pages"),
        ("folder", {"include": 5}, "include"),
        ("folder", {"include": ["x" * 300]}, "include"),
        ("folder", {"hidden": "yes"}, "hidden"),
        ("zip", {"blob": "0" * 64}, "blob"),
        ("web", {"include": ["*.md"]}, "include"),
    ],
)
def test_options_that_a_kind_does_not_know_are_the_callers_mistake(
    database: Database, tmp_path: Path, shelf: ShelfReader, kind: str, options: Mapping[str, object], named: str
) -> None:
    with Workshop(database, tmp_path, readers=[shelf]) as shop:
        base = shop.make_base(folder=False)
        with database.write() as connection, pytest.raises(InvalidInput, match=named):
            shop.ingestor.add_source(connection, base, kind, "somewhere", options)


def test_a_location_of_a_user_who_is_not_there_is_a_failure_by_name(workshop: Workshop) -> None:
    base = workshop.make_base(folder=False)
    with workshop.database.write() as connection:
        workshop.ingestor.add_source(connection, base, "folder", "~nosuchuser/docs", {})
        workshop.ingestor.add_source(connection, base, "zip", "~nosuchuser/docs.zip", {"include": "*.md"})
    failed = [event for event in workshop.events(base) if isinstance(event, DocumentFailed)]
    assert [(event.path, event.code) for event in failed] == [
        ("~nosuchuser/docs", "invalid_input"),
        ("~nosuchuser/docs.zip", "invalid_input"),
    ]


def test_a_new_engine_is_one_class_and_follows_the_log(database: Database, tmp_path: Path) -> None:
    kept: dict[str, Counts] = {}

    def counting(place: Place) -> Mapping[str, Callable[[], Projection]]:
        return {"counts": lambda: kept.setdefault(place.knowledge_base_id, Counts(place.knowledge_base_id))}

    with Workshop(database, tmp_path, engines=(*ENGINES, counting)) as shop:
        for name in ("zebra", "walrus"):
            shop.write(f"{name}.md", f"# Animals\n\nThe {name} lives here.\n")
        base = shop.make_base()
        shop.build(base)
        counts = kept[base.id]
        assert counts.check() == shop.projections.sizes(base.id)["words"] == 2
        (shop.pages / "zebra.md").unlink()
        shop.build(base)
        assert counts.check() == 1
        assert counts.position() == shop.projections.position(base.id)
        counts.rebuild()
        assert shop.projections.open(base.id).incomplete == frozenset()
        assert counts.check() == 1
        walrus = shop.documents(base)["walrus.md"]
        with database.write() as connection:
            shop.ingestor.remove_documents(connection, base, [walrus.id])
        assert "counts" not in shop.projections.open(base.id).incomplete
        assert counts.check() == 0
        counts.counts["left"] = 3
        shop.projections.drop(base.id)
        assert counts.check() == 0
