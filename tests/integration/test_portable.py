"""A knowledge base as one file: what comes out of it elsewhere answers the same, and costs no embedding."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from knowledge.embedding.hashing import HashingEmbedder
from knowledge.errors import InvalidInput, NameTaken, NotWritten
from knowledge.events import BuildNote
from knowledge.portable import export_base, open_import
from knowledge.ports import Embedder, Vectors
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter
from knowledge.storage.tables import metadata
from knowledge.types import KnowledgeBase
from tests.carrying import LIMITS, bring, built, complete, delete, export, manifest_of
from tests.databases import DIALECTS, database_url
from tests.workshop import SCOPE, Workshop, hashing_embedders

QUESTION = "How do I roll back a deployment?"


class CountingEmbedder(HashingEmbedder):
    """Counts the texts it was given."""

    texts = 0

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return super().embed_documents(texts)


class OtherModel(HashingEmbedder):
    """Bears the name of another model, and makes vectors of its own."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return super().embed_documents([text[::-1] for text in texts])


@pytest.fixture
def base(workshop: Workshop) -> KnowledgeBase:
    return built(workshop)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "docs.zip"


@pytest.fixture(params=DIALECTS)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workshop]:
    """Another machine."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with database_url(request.param, folder) as url:
        database = Database(url)
        with Workshop(database, folder) as opened:
            yield opened
        database.close()


def answers(workshop: Workshop, base: KnowledgeBase) -> list[Any]:
    return [
        (hit.document.path, hit.chunk.text, hit.chunk.heading_path, round(hit.score, 5), hit.rank)
        for question in (QUESTION, "回滚部署", "port 8003")
        for hit in workshop.search(base, question)
    ]


# --- there and back


def test_what_was_imported_elsewhere_answers_the_same_and_embeds_nothing(
    workshop: Workshop, base: KnowledgeBase, file: Path, elsewhere: Workshop
) -> None:
    export(workshop, base, file)
    counting = CountingEmbedder(name="fast", dimension=32)
    elsewhere.embedders["fast"] = counting
    copy = bring(elsewhere, file)
    done, _ = complete(elsewhere, copy)
    assert (done.indexed, done.failed, done.embedded) == (9, 1, 0)
    assert counting.texts <= 8, "only a few texts, to see that the model is the same"
    assert answers(elsewhere, copy) == answers(workshop, base)
    before, after = workshop.documents(base), elsewhere.documents(copy)
    assert list(after) == list(before)
    for path, document in before.items():
        there = after[path]
        assert (there.title, there.url, there.media_type, there.language, there.metadata, there.content_hash) == (
            document.title, document.url, document.media_type, document.language, document.metadata,
            document.content_hash,
        )  # fmt: skip
        assert (there.status, there.error, there.size) == (document.status, document.error, document.size)
    assert elsewhere.broken() == []
    assert complete(elsewhere, copy)[0].embedded == 0
    list(elsewhere.ingestor.collect_garbage())
    stored = {file.name for file in (elsewhere.data / "files").rglob("*") if len(file.name) == 64}
    assert stored == {document.content_hash for document in after.values()}, "the vectors' files are gone"


def test_without_vectors_they_are_made_again(workshop: Workshop, base: KnowledgeBase, file: Path) -> None:
    export(workshop, base, file, vectors=False)
    with open_import(file, LIMITS) as found:
        assert found.manifest.vectors == ()
    before = answers(workshop, base)
    delete(workshop, base)
    copy = bring(workshop, file)
    assert complete(workshop, copy)[0].embedded > 0
    assert answers(workshop, copy) == before


@pytest.mark.parametrize(
    "stranger", [OtherModel(name="fast", dimension=32), HashingEmbedder(name="fast", dimension=16)]
)
def test_vectors_of_another_model_of_the_same_name_are_not_taken(
    workshop: Workshop, base: KnowledgeBase, file: Path, tmp_path: Path, stranger: Embedder
) -> None:
    export(workshop, base, file)
    (tmp_path / "other").mkdir()
    database = Database(f"sqlite:///{tmp_path}/other/chatbot.db")
    with database.write() as connection:
        metadata.create_all(connection)
    with Workshop(database, tmp_path / "other", embedders={**hashing_embedders(), "fast": stranger}) as other:
        copy = bring(other, file)
        done, events = complete(other, copy)
        assert done.embedded == 8, "every text that differs"
        assert any(isinstance(each, BuildNote) and "of another model" in each.message for each in events)
        assert other.broken() == []
    database.close()


def test_an_empty_base_and_its_description_travel(workshop: Workshop, file: Path) -> None:
    with workshop.database.write() as connection:
        store = KnowledgeBaseStore(connection, SCOPE)
        empty = store.create("空", description="Nothing in it yet.", embedders=["fast"])
    export(workshop, empty, file)
    copy = bring(workshop, file)
    complete(workshop, copy)
    assert copy.description == "Nothing in it yet."
    assert workshop.documents(copy) == {}


def test_an_import_that_is_broken_off_goes_on_without_embedding(
    workshop: Workshop, base: KnowledgeBase, file: Path, elsewhere: Workshop
) -> None:
    export(workshop, base, file)
    copy = bring(elsewhere, file)
    steps = iter(elsewhere.ingestor.build(SCOPE, copy.id, ()))
    for event in steps:
        if getattr(event, "stage", "") == "split" and getattr(event, "done", 0):
            break
    steps.close()  # type: ignore[attr-defined]
    list(elsewhere.ingestor.collect_garbage())
    with elsewhere.database.read() as connection, open_import(file, LIMITS) as found:
        begun = found.begun(connection, SCOPE, "copy")
    assert begun is not None
    assert begun.id == copy.id, "the same import again is the same base"
    assert complete(elsewhere, copy)[0].embedded == 0
    with elsewhere.database.read() as connection, open_import(file, LIMITS) as found, pytest.raises(NameTaken) as taken:
        found.begun(connection, SCOPE, "copy")
    assert "--name" in str(taken.value)


# --- sources


def test_what_another_machine_read_is_read_here_only_when_it_is_added_here(
    workshop: Workshop, base: KnowledgeBase, file: Path
) -> None:
    export(workshop, base, file)
    copy = bring(workshop, file)
    complete(workshop, copy)
    workshop.write("rollback.md", "# Rollback\n\nUse helm now.\n")
    notes = [each.message for each in workshop.events(copy) if isinstance(each, BuildNote)]
    assert "another machine" in notes[0]
    assert workshop.found_by_words(copy, "helm") == []
    with workshop.database.write() as connection:
        store = SourceStore(connection, copy)
        store.update(store.all()[0].id, {"hidden": True})
        assert store.all()[0].is_elsewhere, "changing its options is not adding it"
        store.add("folder", str(workshop.pages))
    workshop.build(copy)
    assert workshop.found_by_words(copy, "helm") == ["rollback.md"]
    assert len(workshop.documents(copy)) == 10, "nothing is there twice"


def test_secrets_and_what_only_this_machine_has_stay_here(workshop: Workshop, file: Path) -> None:
    base = workshop.make_base(folder=False)
    with workshop.database.write() as connection:
        store = SourceStore(connection, base)
        url = "https://me:pa55word@wiki.example/page?id=7&access_token=t0ken"
        web = store.add("web", url, {"include": ["*.md"], "headers": {"Authorization": "Bearer s3cret"}})
        store.add("zip", "handbook.zip", {"blob": "a" * 64})
        writer = DocumentWriter(connection, base.id, workshop.embedders)
        writer.note_unavailable(web.id, "wiki.example/page", "fetch_refused", "It answers 401.", url=url)
    export(workshop, base, file)
    assert manifest_of(file)["sources"] == [
        {"kind": "web", "location": "https://wiki.example/page?id=7", "options": {"include": ["*.md"]}},
        {"kind": "zip", "location": "handbook.zip", "options": {}},
    ]
    with zipfile.ZipFile(file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert not any(secret in everything for secret in (b"pa55word", b"t0ken", b"s3cret", b"aaaa"))
    copy = bring(workshop, file)
    complete(workshop, copy)
    (document,) = workshop.documents(copy).values()
    assert (document.status, document.error) == ("failed", "It answers 401.")


# --- writing


def test_an_export_is_one_state_while_a_build_goes_on(workshop: Workshop, base: KnowledgeBase, file: Path) -> None:
    steps = export_base(workshop.database, workshop.blobs, SCOPE, "docs", file)
    next(steps)
    workshop.write("rollback.md", "# Rollback\n\nUse helm now.\n")
    workshop.write("new.md", "# New\n\nBrand new.\n")
    (workshop.pages / "same.md").unlink()
    workshop.build(base)
    list(steps)
    copy = bring(workshop, file)
    complete(workshop, copy)
    assert workshop.found_by_words(copy, "argocd") == ["rollback.md", "same.md"]
    assert "new.md" not in workshop.documents(copy)


def test_a_broken_off_export_leaves_what_was_there(workshop: Workshop, base: KnowledgeBase, file: Path) -> None:
    export(workshop, base, file)
    whole = file.read_bytes()
    steps = export_base(workshop.database, workshop.blobs, SCOPE, "docs", file)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert file.read_bytes() == whole
    assert [each.name for each in file.parent.iterdir() if each.name.endswith(".part")] == []
    export(workshop, base, file)
    assert manifest_of(file)["document_count"] == 10


def test_nothing_else_is_overwritten(workshop: Workshop, base: KnowledgeBase, tmp_path: Path) -> None:
    mine = tmp_path / "thesis.zip"
    mine.write_bytes(b"years of work")
    for target, said in ((mine, "no export"), (tmp_path, "is a folder"), (tmp_path / "no" / "x.zip", "no folder")):
        with pytest.raises(InvalidInput, match=said):
            export(workshop, base, target)
    assert mine.read_bytes() == b"years of work"


def test_a_raw_file_that_is_gone_is_named(workshop: Workshop, base: KnowledgeBase, file: Path) -> None:
    workshop.blobs.path(workshop.documents(base)["rollback.md"].content_hash).unlink()
    with pytest.raises(NotWritten, match=r"(rollback|same)\.md is not in the store"):
        export(workshop, base, file)
    assert not file.exists()
