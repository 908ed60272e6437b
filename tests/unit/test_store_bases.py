"""Knowledge bases, sources, documents and the log as rows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from knowledge.embedding.hashing import HashingEmbedder
from knowledge.errors import InvalidInput, NameTaken, NotFound
from knowledge.ids import new_id
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.changes import append_changes, lock_base, read_base, read_changes
from knowledge.storage.database import Database
from knowledge.storage.documents import DocumentStore
from knowledge.storage.library import SqlLibrary
from knowledge.storage.links import page_key, resolve_links, url_key
from knowledge.storage.paging import decode_cursor, encode_cursor
from knowledge.storage.replacement import DocumentWriter, ReceivedFile, pending_documents
from knowledge.storage.tables import chunks
from knowledge.text.storable import storable
from knowledge.types import ChunkDraft, KnowledgeBase, Link, ParsedDocument, Scope
from tests.databases import database_url

EMBEDDERS = {"fast": HashingEmbedder(name="fast")}


def make(database: Database, scope: Scope, name: str = "docs") -> KnowledgeBase:
    with database.write() as connection:
        return KnowledgeBaseStore(connection, scope).create(name, embedders=["fast"])


def receive(database: Database, base: KnowledgeBase, *paths: str) -> None:
    with database.write() as connection:
        source = SourceStore(connection, base).add("upload", "uploads")
        files = [ReceivedFile(path=path, content_hash=f"{index:064x}", size=1) for index, path in enumerate(paths, 1)]
        DocumentWriter(connection, base.id, EMBEDDERS).receive(source.id, files, version="1")


def index(database: Database, base: KnowledgeBase, texts: Sequence[str] = ("First part.\n", "Second part.\n")) -> None:
    """Make every waiting document hold these chunks."""
    drafts, start = [], 0
    for ordinal, each in enumerate(texts):
        drafts.append(
            ChunkDraft(ordinal=ordinal, start=start, end=start + len(each), text=each, search_text=f"Title\n{each}")
        )
        start += len(each)
    parsed = ParsedDocument(text="".join(texts), title="Title", media_type="text/plain")
    with database.write() as connection:
        for waiting in pending_documents(connection, base.id, after="", limit=100):
            assert DocumentWriter(connection, base.id, EMBEDDERS).replace(waiting, parsed, drafts, version="1")


def test_ids_are_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(2000)]
    assert ids == sorted(set(ids))
    assert all(len(each) == 32 for each in ids)


def test_a_base_is_found_by_id_and_by_name(database: Database, scope: Scope) -> None:
    base = make(database, scope, "  Ops 手册 ")
    assert base.name == "Ops 手册"
    with database.read() as connection:
        store = KnowledgeBaseStore(connection, scope)
        assert store.get(base.id) == store.get("Ops 手册") == base
        with pytest.raises(NotFound):
            store.get("other")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\nb"])
def test_a_name_that_cannot_be_is_refused(database: Database, scope: Scope, name: str) -> None:
    with pytest.raises(InvalidInput):
        make(database, scope, name)


def test_names_are_unique_in_a_workspace_and_the_transaction_goes_on(database: Database, scope: Scope) -> None:
    make(database, scope)
    with database.write() as connection:
        store = KnowledgeBaseStore(connection, scope)
        with pytest.raises(NameTaken):
            store.create("docs", embedders=[])
        store.create("more", embedders=[])
    make(database, Scope(workspace_id="other", user_id="local"))
    with database.read() as connection:
        assert [base.name for base in KnowledgeBaseStore(connection, scope).page()[0]] == ["docs", "more"]


def test_a_deleted_base_frees_its_name(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    with database.write() as connection:
        KnowledgeBaseStore(connection, scope).mark_deleted("docs")
    again = make(database, scope)
    assert again.id != base.id
    with database.write() as connection, pytest.raises(NotFound):
        lock_base(connection, base.id)


def test_a_base_is_renamed_and_described(database: Database, scope: Scope) -> None:
    make(database, scope)
    make(database, scope, "other")
    with database.write() as connection:
        store = KnowledgeBaseStore(connection, scope)
        changed = store.update("docs", name="manuals", description="All of them.")
        assert (changed.name, changed.description) == ("manuals", "All of them.")
        with pytest.raises(NameTaken):
            store.update("manuals", name="other")


def test_pages_hold_everything_once(database: Database, scope: Scope) -> None:
    names = [f"base {number:02}" for number in range(7)]
    for name in names:
        make(database, scope, name)
    found, cursor = [], ""
    with database.read() as connection:
        while cursor is not None:
            page, cursor = KnowledgeBaseStore(connection, scope).page(limit=3, cursor=cursor)
            found += [base.name for base in page]
    assert found == names


@pytest.mark.parametrize("cursor", ["!", "e30", "bm90IGpzb24", encode_cursor("one", "two")])
def test_a_cursor_of_another_make_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(cursor, 1)


def test_a_source_is_added_once(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    with database.write() as connection:
        store = SourceStore(connection, base)
        first = store.add("folder", "/srv/docs", {"include": ["*.md"]})
        assert store.add("folder", "/srv/docs") == first
        assert store.add("folder", "/srv/docs", {}).options == {}
        assert store.add("zip", "/srv/docs").id != first.id
        assert len(store.all()) == 2


def test_documents_are_listed_by_path_and_searched(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    paths = ["b/Limits.md", "a.md", "z" * 300 + "1", "z" * 300 + "2", "100%.md"]
    receive(database, base, *paths)
    with database.read() as connection:
        store = DocumentStore(connection, base)
        found, cursor = [], ""
        while cursor is not None:
            page, cursor = store.page(limit=2, cursor=cursor)
            found += [document.path for document in page]
        assert sorted(found) == sorted(paths)
        assert [document.path for document in store.page(search="limits")[0]] == ["b/Limits.md"]
        assert [document.path for document in store.page(search="0%")[0]] == ["100%.md"]
        assert store.page(status=["failed"])[0] == []
        with pytest.raises(NotFound):
            store.get("no such")
        with pytest.raises(InvalidInput):
            store.page(limit=0)


def test_a_document_is_read_with_its_text_and_chunks(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    receive(database, base, "a.md")
    index(database, base)
    with database.read() as connection:
        store = DocumentStore(connection, base)
        [document] = store.page()[0]
        content = store.content(document.id)
        chunks = store.chunks(document.id)
    assert (document.status, document.title, document.chunk_count) == ("indexed", "Title", 2)
    assert [content.text[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]


def test_chunk_ids_are_never_used_again(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    seen: set[int] = set()
    for _ in range(3):
        receive(database, base, "a.md")
        index(database, base)
        with database.write() as connection:
            store = DocumentStore(connection, base)
            [document] = store.page()[0]
            ids = {chunk.id for chunk in store.chunks(document.id)}
            assert not ids & seen
            seen |= ids
            DocumentWriter(connection, base.id, EMBEDDERS).remove([document.id])


def test_a_document_received_anew_is_not_overwritten_by_what_was_read_before(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    receive(database, base, "a.md")
    with database.write() as connection:
        [waiting] = pending_documents(connection, base.id, after="", limit=10)
        source = SourceStore(connection, base).all()[0]
        writer = DocumentWriter(connection, base.id, EMBEDDERS)
        writer.receive(source.id, [ReceivedFile(path="a.md", content_hash="f" * 64, size=2)], version="1")
        parsed = ParsedDocument(text="old", title="old", media_type="text/plain")
        assert writer.replace(waiting, parsed, [], version="1") is False
        assert writer.fail(waiting, "code", "reason", version="1") is False


def test_the_log_keeps_the_last_word_of_each_document(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    with database.write() as connection:
        append_changes(connection, base.id, [("a", "text"), ("b", "text"), ("a", "vectors:x")])
        head = append_changes(connection, base.id, [("a", "text")])
        assert read_base(connection, base.id).log_head == head
        found = read_changes(connection, base.id, "text", 0, 10)
        assert [change.document_id for change in found] == ["b", "a"]
        assert found[-1].seq == head
        assert [change.document_id for change in read_changes(connection, base.id, "text", found[0].seq, 10)] == ["a"]


def test_a_reader_may_not_write(database: Database, scope: Scope) -> None:
    make(database, scope)
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(text("DELETE FROM knowledge_bases"))
    with database.read() as connection:
        assert KnowledgeBaseStore(connection, scope).get("docs")


def test_a_block_that_raises_leaves_nothing(database: Database, scope: Scope) -> None:
    def create_and_fail() -> None:
        with database.write() as connection:
            KnowledgeBaseStore(connection, scope).create("docs", embedders=[])
            raise LookupError

    with pytest.raises(LookupError):
        create_and_fail()
    with database.read() as connection:
        assert KnowledgeBaseStore(connection, scope).page()[0] == []


def test_writers_wait_for_each_other(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    held = threading.Barrier(8)

    def append(number: int) -> None:
        held.wait()
        with database.write() as connection:
            lock_base(connection, base.id)
            append_changes(connection, base.id, [(str(number), "text")])

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(append, range(8)))
    with database.read() as connection:
        assert len(read_changes(connection, base.id, "text", 0, 10)) == 8


def test_a_writer_that_failed_lets_the_next_one_write(database: Database, scope: Scope) -> None:
    with pytest.raises(LookupError), database.write():
        raise LookupError
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(make, database, scope).result().name == "docs"


def test_neighbours_are_the_chunks_of_the_spans_and_no_others(database: Database, scope: Scope) -> None:
    base = make(database, scope)
    receive(database, base, "a.md", "b.md")
    index(database, base, [f"Part {number}.\n" for number in range(8)])
    with database.read() as connection:
        first, second = sorted(document.id for document in DocumentStore(connection, base).page()[0])
    library = SqlLibrary(database, scope)

    def found(*spans: tuple[str, int, int]) -> list[tuple[str, int]]:
        return [(chunk.document_id, chunk.ordinal) for chunk in library.neighbours(spans)]

    assert found((second, 6, 9), (first, -1, 1), (first, 1, 2)) == [
        *((first, ordinal) for ordinal in (0, 1, 2)),
        *((second, ordinal) for ordinal in (6, 7)),
    ]
    assert found() == found(("no such", 0, 3)) == []
    stranger = SqlLibrary(database, Scope(workspace_id="other", user_id="local"))
    assert list(stranger.neighbours([(first, 0, 3)])) == []


def test_reading_chunks_takes_what_is_read_and_not_what_there_is(tmp_path: Path, scope: Scope) -> None:
    def steps(count: int) -> int:
        """SQLite's steps, in hundreds, to read a hundred chunks of so many."""
        (folder := tmp_path / str(count)).mkdir()
        with database_url("sqlite", folder) as url:
            database = Database(url)
            base = make(database, scope)
            receive(database, base, "a.md")
            index(database, base, [f"Part {number}.\n" for number in range(count)])
            taken: list[int] = []
            event.listen(
                database.engine,
                "checkout",
                lambda driver, *_: driver.set_progress_handler(lambda: taken.append(1), 100),
            )
            with database.read() as connection:
                ids = connection.scalars(select(chunks.c.id).limit(100)).all()
            taken.clear()
            assert len(SqlLibrary(database, scope).chunks(ids)) == 100
            database.close()
            return len(taken)

    assert steps(4_000) < 1.5 * steps(100)


def test_a_reader_sees_one_state(database: Database, scope: Scope) -> None:
    with database.read() as connection:
        store = KnowledgeBaseStore(connection, scope)
        assert store.page()[0] == []
        make(database, scope)
        assert store.page()[0] == []


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Database(url)


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_postgresql_is_named_in_several_ways(url: str) -> None:
    assert Database(url).engine.url.drivername == "postgresql+psycopg"


def test_what_databases_refuse_is_replaced_in_place() -> None:
    assert storable("a\x00b\ud800c\U0001f600") == "a\ufffdb\ufffdc\U0001f600"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("limits.md", "guide/limits.md"),
        ("./limits.md#memory", "guide/limits.md"),
        ("../setup.md?x=1", "setup.md"),
        ("/ops/", "ops/index.md"),
        ("limits/", "guide/limits.md"),
        ("../limits/", "guide/limits.md"),
        ("a%20b.md", "guide/a b.md"),
        ("https://example.org/docs/limits.html#x", "https://example.org/docs/limits"),
    ],
)
def test_links_mean_pages(target: str, path: str) -> None:
    """Written in guide/intro.md, which a generator may serve as guide/intro/."""
    key = url_key(path) if path.startswith("https:") else page_key("s", path)
    assert key in resolve_links("s", "guide/intro.md", "", [Link(target=target, text="", start=0)])


@pytest.mark.parametrize("target", ["#here", "", "mailto:a@b.c", "intro.md", "javascript:alert(1)", "http://[bad"])
def test_other_links_mean_nothing(target: str) -> None:
    assert resolve_links("s", "guide/intro.md", "", [Link(target=target, text="", start=0)]) == {}


def test_what_was_deleted_takes_no_room(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/room.db")

    def pages() -> int:
        with database.read() as connection:
            return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE held (number INTEGER PRIMARY KEY, content BLOB)")
        for number in range(60):
            connection.exec_driver_sql("INSERT INTO held VALUES (?, zeroblob(1000000))", (number,))
    before = pages()
    assert list(database.give_back_space()) == []
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM held WHERE number > 2")
    assert pages() == before
    assert list(database.give_back_space())
    assert pages() < before / 2
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*), sum(length(content)) FROM held").one() == (3, 3_000_000)
    database.close()
