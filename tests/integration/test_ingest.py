"""Building, changing and deleting knowledge bases, on every database."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from knowledge.config import ParsingLimits
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.errors import EmbedderUnavailable, FileTooSlow, NotFound
from knowledge.events import BuildFinished, BuildNote, DocumentFailed, DocumentSkipped, StageProgress
from knowledge.ingestion.ingestor import ReceivedFiles
from knowledge.parsing import parse
from knowledge.ports import Vectors
from knowledge.splitting.splitter import split_document
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.blobs import Blob
from knowledge.storage.changes import read_base
from knowledge.storage.library import SqlLibrary
from knowledge.storage.tables import chunks, documents, embeddings, links, metadata
from knowledge.types import Filters, KnowledgeBase, SplitDocument
from tests.workshop import SCOPE, Workshop

SETUP = "# Setup\n\nInstall the operator with helm. See [limits](limits.md).\n"
LIMITS = "# Limits\n\nThe zebra quota is forty per namespace.\n"
CHINESE = "# 水平伸缩\n\n当负载升高时，自动伸缩器会增加副本的数量，直到达到上限为止。\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploaded:
    path: str
    blob: Blob
    media_type: str = ""


def upload(workshop: Workshop, base: KnowledgeBase, *files: tuple[str, bytes]) -> list[str]:
    with workshop.blobs.hold() as holding, workshop.database.write() as connection:
        stored = [Uploaded(path=path, blob=holding.put([content])) for path, content in files]
        return workshop.ingestor.add_uploads(connection, base, ReceivedFiles.of(stored))


def count(workshop: Workshop, table: object) -> int:
    with workshop.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[call-overload]


def head(workshop: Workshop, base: KnowledgeBase) -> int:
    with workshop.database.read() as connection:
        return read_base(connection, base.id).log_head


def test_a_folder_becomes_findable(workshop: Workshop) -> None:
    for path, text in {"setup.md": SETUP, "guide/limits.md": LIMITS, "zh/伸缩.md": CHINESE}.items():
        workshop.write(path, text)
    base = workshop.make_base()
    done = workshop.build(base)
    assert (done.received, done.indexed, done.failed) == (3, 3, 0)
    assert workshop.search(base, "zebra quota")[0].document.path == "guide/limits.md"
    assert workshop.search(base, "自动伸缩器")[0].document.path == "zh/伸缩.md"
    statistics = workshop.statistics(base)
    assert [(each.embedder, each.done, each.total) for each in statistics.vectors] == [
        ("fast", statistics.chunk_count, statistics.chunk_count),
        ("english", statistics.chunk_count - 1, statistics.chunk_count - 1),  # Chinese is left to others
    ]
    assert workshop.broken() == []


def test_stages_come_in_order_and_reach_their_totals(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    workshop.write("limits.md", LIMITS)
    stages = [event for event in workshop.events(workshop.make_base()) if isinstance(event, StageProgress)]
    last = {event.stage: event for event in stages if event.total}
    assert list(last) == ["received", "parsed", "split", "words", "vectors:fast", "vectors:english"]
    assert all(event.done == event.total for event in last.values())


def test_building_again_changes_nothing(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    base = workshop.make_base()
    workshop.build(base)
    before = head(workshop, base)
    again = workshop.build(base)
    assert (again.received, again.unchanged, again.indexed, again.embedded) == (0, 1, 0, 0)
    assert head(workshop, base) == before


def test_a_new_date_alone_changes_nothing(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    base = workshop.make_base()
    workshop.build(base)
    (workshop.pages / "setup.md").touch()
    assert workshop.build(base).received == 0


def test_only_what_changed_is_done_again(workshop: Workshop) -> None:
    for path, text in {"setup.md": SETUP, "limits.md": LIMITS, "old.md": "# Old\n\nThe walrus is retired.\n"}.items():
        workshop.write(path, text)
    base = workshop.make_base()
    workshop.build(base)
    workshop.write("limits.md", LIMITS.replace("zebra", "giraffe"))
    workshop.write("new.md", "# New\n\nThe penguin is here.\n")
    (workshop.pages / "old.md").unlink()
    done = workshop.build(base)
    assert (done.received, done.unchanged, done.removed) == (2, 1, 1)
    assert workshop.found_by_words(base, "giraffe") == ["limits.md"]
    assert workshop.found_by_words(base, "penguin") == ["new.md"]
    assert workshop.found_by_words(base, "zebra") == workshop.found_by_words(base, "walrus") == []
    assert workshop.broken() == []


def test_a_renamed_file_keeps_its_vectors(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    base = workshop.make_base()
    workshop.build(base)
    (workshop.pages / "setup.md").rename(workshop.pages / "install.md")
    done = workshop.build(base)
    assert (done.received, done.removed, done.embedded) == (1, 1, 0)
    assert workshop.found_by_words(base, "operator") == ["install.md"]
    assert workshop.broken() == []


def test_equal_chunks_are_embedded_once_in_all_bases(workshop: Workshop) -> None:
    workshop.write("one/setup.md", SETUP)
    workshop.write("two/setup.md", SETUP)
    first, second = workshop.make_base("first"), workshop.make_base("second")
    workshop.build(first)
    assert count(workshop, embeddings) == 2  # one of each embedder
    assert workshop.build(second).embedded == 0
    assert workshop.search(second, "operator helm")
    assert workshop.broken() == []


def test_a_file_that_cannot_be_read_stops_no_other(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    (workshop.pages / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (workshop.pages / "empty.md").write_bytes(b"")
    base = workshop.make_base()
    events = workshop.events(base)
    failures = {event.path: event for event in events if isinstance(event, DocumentFailed)}
    assert set(failures) == {"broken.pdf", "empty.md"}
    assert workshop.documents(base)["broken.pdf"].error == failures["broken.pdf"].reason
    assert workshop.documents(base)["setup.md"].status == "indexed"
    workshop.write("empty.md", LIMITS)
    workshop.build(base)
    assert workshop.found_by_words(base, "zebra") == ["empty.md"]
    assert workshop.broken() == []


def test_a_text_too_long_to_hold_is_refused_by_name(workshop: Workshop) -> None:
    with Workshop(workshop.database, workshop.data.parent, parsing=ParsingLimits(max_text_chars=1000)) as narrow:
        narrow.write("endless.log", "one more line\n" * 1000)
        narrow.write("limits.md", LIMITS)
        failures = [event for event in narrow.events(narrow.make_base()) if isinstance(event, DocumentFailed)]
    assert [(event.path, event.code) for event in failures] == [("endless.log", "file_too_large")]


class Impatient:
    """A parser for which some files are too slow, and that notes how long each was given."""

    def __init__(self, *slow: str) -> None:
        self.slow = set(slow)
        self.given: list[tuple[str, float]] = []

    def read(
        self, path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None, lane: str = ""
    ) -> SplitDocument:
        assert lane
        self.given.append((name, limits.max_seconds))
        if name in self.slow:
            raise FileTooSlow(f"{name} could not be read.")
        return split_document(parse(path, name=name, limits=limits, media_type=media_type))


def test_a_slow_file_comes_last_and_gets_less_the_next_time(workshop: Workshop) -> None:
    parser = Impatient("slow.md")
    with Workshop(workshop.database, workshop.data.parent, parser=parser) as made:
        for path in ("a.md", "slow.md", "z.md"):
            made.write(path, LIMITS)
        base = made.make_base()
        made.build(base)
        assert sorted(parser.given[:3]) == [("a.md", 10.0), ("slow.md", 10.0), ("z.md", 10.0)]
        assert parser.given[3:] == [("slow.md", 120.0)]
        assert made.documents(base)["slow.md"].status == "failed"
        parser.given.clear()
        made.build(base, force=True)
        assert sorted(parser.given) == [("a.md", 10.0), ("slow.md", 10.0), ("z.md", 10.0)]
        parser.given.clear()
        parser.slow.clear()
        made.write("slow.md", SETUP)
        made.build(base)
        assert parser.given == [("slow.md", 10.0)]
        assert made.documents(base)["slow.md"].status == "indexed"
        assert made.broken() == []


def test_a_file_that_can_no_longer_be_read_is_no_longer_found(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    workshop.write("limits.md", "")
    workshop.build(base)
    assert workshop.found_by_words(base, "zebra") == []
    assert workshop.broken() == []


def test_a_folder_that_is_away_keeps_its_documents(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    workshop.pages.rename(workshop.pages.with_name("elsewhere"))
    events = workshop.events(base)
    assert [event.code for event in events if isinstance(event, DocumentFailed)] == ["invalid_input"]
    assert workshop.found_by_words(base, "zebra") == ["limits.md"]


def test_uploads_are_kept_replaced_and_removed(workshop: Workshop) -> None:
    base = workshop.make_base(folder=False)
    upload(workshop, base, ("limits.md", LIMITS.encode()), ("注意.txt", "木星上没有斑马。".encode("gb18030")))
    workshop.build(base)
    assert workshop.found_by_words(base, "木星") == ["注意.txt"]
    upload(workshop, base, ("limits.md", LIMITS.replace("zebra", "giraffe").encode()))
    workshop.build(base)
    assert workshop.found_by_words(base, "zebra") == []
    found = workshop.documents(base)
    assert set(found) == {"limits.md", "注意.txt"}
    with workshop.database.write() as connection:
        assert workshop.ingestor.remove_documents(connection, base, [found["limits.md"].id]) == 1
    assert workshop.found_by_words(base, "giraffe") == []
    workshop.build(base)
    assert [file.name for file in workshop.blobs.folder(".").rglob("*") if len(file.name) == 64] == [
        found["注意.txt"].content_hash
    ]
    assert workshop.broken() == []


def test_files_that_come_in_together_are_never_compared_with_each_other() -> None:
    """Ten thousand files would be fifty million comparisons, and every other writer would wait for them."""

    @dataclass(frozen=True, kw_only=True, slots=True, eq=False)
    class Lonely(Uploaded):
        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    blob = Blob(content_hash="0" * 64, size=1)
    sorted_out = ReceivedFiles.of([Lonely(path=path, blob=blob) for path in ("a.md", "B.ZIP", "c.md")])
    assert [each.path for each in sorted_out.documents] == ["a.md", "c.md"]
    assert [each.path for each in sorted_out.archives] == ["B.ZIP"]


def test_the_same_upload_again_costs_nothing(workshop: Workshop) -> None:
    base = workshop.make_base(folder=False)
    upload(workshop, base, ("limits.md", LIMITS.encode()))
    workshop.build(base)
    upload(workshop, base, ("limits.md", LIMITS.encode()))
    assert workshop.statistics(base).received_count == 0


def zipped(path: Path, files: Sequence[tuple[str, str]]) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files:
            archive.writestr(name, text)
    return path.read_bytes()


def test_an_uploaded_zip_is_followed_like_a_folder(workshop: Workshop, tmp_path: Path) -> None:
    base = workshop.make_base(folder=False)
    first = zipped(tmp_path / "a.zip", [("a/setup.md", SETUP), ("limits.md", LIMITS), ("../out.md", LIMITS)])
    upload(workshop, base, ("pages.zip", first))
    skipped = [event for event in workshop.events(base) if isinstance(event, DocumentSkipped)]
    assert len(skipped) == 1
    assert set(workshop.documents(base)) == {"a/setup.md", "limits.md"}
    assert workshop.build(base).unchanged == 2
    upload(workshop, base, ("pages.zip", zipped(tmp_path / "b.zip", [("a/setup.md", SETUP)])))
    workshop.build(base)
    assert set(workshop.documents(base)) == {"a/setup.md"}
    assert workshop.broken() == []


def test_documents_of_an_older_parser_are_made_anew(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    upload(workshop, base, ("setup.md", SETUP.encode()))
    workshop.build(base)
    with Workshop(workshop.database, tmp_path, version="2") as newer:
        done = newer.build(base)
        assert (done.received, done.indexed, done.embedded) == (2, 2, 0)
        assert newer.build(base).indexed == 0
        assert newer.broken() == []


def test_force_makes_everything_anew(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    assert workshop.build(base, force=True).indexed == 1
    assert workshop.broken() == []


class Moody(HashingEmbedder):
    """Fails while it is told to."""

    failing = True

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        if self.failing:
            raise EmbedderUnavailable("The endpoint does not answer.")
        return super().embed_documents(texts)


def test_without_an_embedder_words_are_found_and_the_rest_follows(workshop: Workshop) -> None:
    moody = Moody(name="fast", dimension=32)
    with Workshop(workshop.database, workshop.data.parent, embedders=workshop.embedders | {"fast": moody}) as moodily:
        moodily.write("limits.md", LIMITS)
        base = moodily.make_base()
        events = []
        with pytest.raises(EmbedderUnavailable):
            events.extend(moodily.ingestor.build(SCOPE, base.id))
        assert moodily.found_by_words(base, "zebra") == ["limits.md"]
        assert moodily.projections.open(base.id).incomplete == {"fast"}
        moody.failing = False
        assert moodily.build(base).embedded == 1
        assert moodily.projections.open(base.id).incomplete == frozenset()
        assert moodily.broken() == []


def test_new_embedders_are_built_beside_and_then_switched_to(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    workshop.embedders["third"] = HashingEmbedder(name="third", dimension=16)
    with workshop.database.write() as connection:
        KnowledgeBaseStore(connection, SCOPE).choose_embedders(base.id, ["fast", "third"])
    assert set(workshop.projections.open(base.id).vectors) == {"fast", "english"}
    with Workshop(workshop.database, workshop.data.parent, embedders=workshop.embedders) as changed:
        changed.build(base)
        now = changed.base(base.id)
        assert (now.embedders, now.next_embedders) == (("fast", "third"), None)
        assert len(changed.projections.open(base.id).vectors["third"]) == 1
        with changed.database.read() as connection:
            kept = set(connection.execute(select(embeddings.c.embedder)).scalars())
        assert kept == {"fast", "third"}
        assert changed.broken(["fast", "third"]) == []


def test_a_model_changed_under_its_name_is_refused(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    workshop.write("setup.md", SETUP)
    other = {**workshop.embedders, "fast": HashingEmbedder(name="fast", dimension=33)}
    with (
        Workshop(workshop.database, workshop.data.parent, embedders=other) as changed,
        pytest.raises(EmbedderUnavailable, match="another name"),
    ):
        changed.build(base)


def test_a_deleted_base_leaves_nothing(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    workshop.write("setup.md", SETUP)
    base, other = workshop.make_base(), workshop.make_base("other", folder=False)
    upload(workshop, base, ("page.md", b"# Page\n\nSomething else.\n"))
    workshop.build(base)
    with workshop.database.write() as connection:
        KnowledgeBaseStore(connection, SCOPE).mark_deleted(base.id)
    with pytest.raises(NotFound):
        workshop.projections.open(base.id)
    assert [each.id for each in _bases(workshop)] == [other.id]
    for _ in range(2):  # the second time there is nothing left to do
        list(workshop.ingestor.delete_base(base.id))
    assert {table.name: count(workshop, table) for table in metadata.sorted_tables if count(workshop, table)} == {
        "knowledge_bases": 1
    }
    assert not (workshop.data / "indexes" / base.id).exists()
    assert [file for file in workshop.blobs.folder(".").rglob("*") if file.is_file()] == []


def _bases(workshop: Workshop) -> list[KnowledgeBase]:
    with workshop.database.read() as connection:
        return KnowledgeBaseStore(connection, SCOPE).page()[0]


def test_a_build_of_a_base_that_is_deleted_ends(workshop: Workshop) -> None:
    for number in range(5):
        workshop.write(f"page-{number}.md", f"# Page {number}\n\nText number {number}.\n")
    base = workshop.make_base()
    build = workshop.ingestor.build(SCOPE, base.id)
    next(build)
    with workshop.database.write() as connection:
        KnowledgeBaseStore(connection, SCOPE).mark_deleted(base.id)
    with pytest.raises(NotFound):
        list(build)
    list(workshop.ingestor.delete_base(base.id))
    assert count(workshop, documents) == count(workshop, embeddings) == 0


def test_a_removed_source_takes_its_documents_along(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    upload(workshop, base, ("setup.md", SETUP.encode()))
    workshop.build(base)
    with workshop.database.write() as connection:
        [folder, _] = SourceStore(connection, base).all()
        assert workshop.ingestor.remove_source(connection, base, folder.id) == 1
    workshop.build(base)
    assert set(workshop.documents(base)) == {"setup.md"}
    assert workshop.found_by_words(base, "zebra") == []
    assert workshop.broken() == []


def test_two_builds_at_once_double_nothing(workshop: Workshop, tmp_path: Path) -> None:
    for number in range(60):
        workshop.write(f"page-{number}.md", f"# Page {number}\n\nText number{number} of many.\n\n## More\n\nWords.\n")
    base = workshop.make_base()
    failures: list[Exception] = []

    def build(other: Workshop) -> None:
        try:
            other.build(base)
        except Exception as error:  # whatever it is, the test shows it
            failures.append(error)

    with Workshop(workshop.database, tmp_path) as second:
        threads = [threading.Thread(target=build, args=(each,)) for each in (workshop, second, workshop)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(workshop.documents(base)) == 60
    assert workshop.build(base).indexed == 0
    assert workshop.broken() == []


def test_a_build_stopped_anywhere_goes_on_from_there(workshop: Workshop) -> None:
    for number in range(6):
        workshop.write(f"page-{number}.md", f"# Page {number}\n\nText number{number}.\n")
    base = workshop.make_base()
    stops = len(workshop.events(base))
    for stop in range(stops):
        for number in range(6):
            workshop.write(f"page-{number}.md", f"# Page {number}\n\nText number{number} at stop{stop}.\n")
        build = workshop.ingestor.build(SCOPE, base.id)
        for _, _ in zip(range(stop), build, strict=False):
            pass
        build.close()  # type: ignore[attr-defined]
        workshop.build(base)
        assert len(workshop.found_by_words(base, f"stop{stop}")) == 6
        assert workshop.broken() == []


def test_what_no_database_holds_is_replaced_and_offsets_stay(workshop: Workshop) -> None:
    base = workshop.make_base(folder=False)
    upload(workshop, base, ("odd.txt", b"A zebra\x00 and more\x07 text, long enough to be kept as it is.\n"))
    workshop.build(base)
    assert workshop.broken() == []


def test_filters_choose_documents(workshop: Workshop) -> None:
    workshop.write("guide/limits.md", "---\ntags: [quota, zoo]\nteam: infra\n---\n" + LIMITS)
    workshop.write("Guide/setup.md", SETUP)
    base = workshop.make_base()
    workshop.build(base)
    library = SqlLibrary(workshop.database, SCOPE)
    paths = {document.id: path for path, document in workshop.documents(base).items()}

    def chosen(filters: Filters) -> set[str]:
        return {paths[each] for each in library.select([base.id], filters)}

    assert chosen(Filters()) == {"guide/limits.md", "Guide/setup.md"}
    assert chosen(Filters(path_prefixes=("guide/",))) == {"guide/limits.md"}
    assert chosen(Filters(metadata={"team": "infra"})) == {"guide/limits.md"}
    assert chosen(Filters(metadata={"tags": "zoo"})) == {"guide/limits.md"}
    assert chosen(Filters(metadata={"tags": "none"})) == set()
    assert chosen(Filters(source_ids=("no such",))) == set()


def test_links_lead_to_documents(workshop: Workshop) -> None:
    workshop.write("setup.md", SETUP)
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    found = workshop.documents(base)
    query = select(links.c.document_id, documents.c.id).join(documents, documents.c.path_key == links.c.target_key)
    with workshop.database.read() as connection:
        led = connection.execute(query).all()
    assert [tuple(each) for each in led] == [(found["setup.md"].id, found["limits.md"].id)]


def test_another_workspace_sees_nothing(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    base = workshop.make_base()
    workshop.build(base)
    stranger = SqlLibrary(workshop.database, type(SCOPE)(workspace_id="other", user_id="local"))
    ids = [document.id for document in workshop.documents(base).values()]
    with workshop.database.read() as connection:
        chunk_ids = connection.execute(select(chunks.c.id)).scalars().all()
    assert stranger.chunks(chunk_ids) == {}
    assert stranger.documents(ids) == {}
    assert stranger.select([base.id], Filters()) == set()


def test_the_last_event_says_what_was_done(workshop: Workshop) -> None:
    workshop.write("limits.md", LIMITS)
    assert workshop.events(workshop.make_base())[-1] == BuildFinished(
        received=1, unchanged=0, indexed=1, failed=0, removed=0, embedded=2
    )


def test_what_reading_lost_is_in_the_report_of_the_build(workshop: Workshop) -> None:
    workshop.write("odd.md", "---\ntitle: [open\n---\n# Body\n\nwords\n")
    base = workshop.make_base()
    notes = [event.message for event in workshop.events(base) if isinstance(event, BuildNote)]
    assert notes == ["odd.md: its front matter could not be read."]
    assert workshop.documents(base)["odd.md"].warnings == ("its front matter could not be read",)
