import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.types import Chunk


def chunk(number: int, document: str, text: str, header: str = "") -> Chunk:
    return Chunk(
        id=number,
        knowledge_base_id="kb",
        document_id=document,
        ordinal=number,
        start=0,
        end=len(text),
        text=text,
        search_text=f"{header}\n{text}",
        content_hash=str(number),
        heading_path=(),
        anchor="",
        kind="prose",
        language="en",
        page="",
    )


@pytest.fixture
def index(tmp_path: Path) -> FtsIndex:
    index = FtsIndex(tmp_path / "deep" / "words.sqlite")
    index.replace(
        {
            "nginx": [chunk(1, "nginx", "proxy_read_timeout defines how long to wait for an answer", "Proxy settings")],
            "kubectl": [chunk(2, "kubectl", "Pass --dry-run=server to see what would change")],
            "zh": [
                chunk(3, "zh", "滚动更新时先启动新的副本，再停止旧的副本", "部署"),
                chunk(4, "zh", "节点磁盘空间不足会驱逐容器"),
            ],
            "fr": [chunk(5, "fr", "le déploiement échoue")],
        },
        7,
    )
    return index


def found(index: FtsIndex, question: str, **options: object) -> list[int]:
    return [scored.chunk_id for scored in index.search(question, 10, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("proxy_read_timeout", 1),
        ("what is the read timeout of the proxy?", 1),
        ("--dry-run=server", 2),
        ("滚动更新怎么做", 3),
        ("rolling update replicas", 3),
        ("how is a rollback different from a rolling update", 3),
        ("disk of a node is full", 4),
        ("proxy setings", 1),
        ("how to set the proyx timout", 1),
        ("kubectl srever", 2),
        ("déploiement", 5),
    ],
)
def test_finds_words_identifiers_and_translations(index: FtsIndex, question: str, best: int) -> None:
    assert found(index, question)[0] == best


def test_remembers_how_far_it_is_and_how_much_it_holds(index: FtsIndex) -> None:
    assert index.position() == 7
    assert len(index) == 5


def test_replacing_a_document_forgets_what_it_said(index: FtsIndex) -> None:
    index.replace({"nginx": [chunk(9, "nginx", "keepalive only")], "kubectl": []}, 8)
    assert found(index, "proxy_read_timeout") == []
    assert found(index, "dry-run") == []
    assert found(index, "keepalive") == [9]
    assert (index.position(), len(index)) == (8, 4)


def test_scores_are_shares_of_what_was_asked_for(index: FtsIndex) -> None:
    (half,) = [each.score for each in index.search("keepalive proxy_read_timeout", 10)]
    whole = index.search("proxy_read_timeout", 10)[0].score
    assert 0 < half < whole < 1


def test_only_documents_asked_for_are_found(index: FtsIndex) -> None:
    assert found(index, "timeout 副本 dry-run", documents=["zh"]) == [3]
    assert found(index, "timeout", documents=[]) == []


def test_limit_bounds_what_is_found(index: FtsIndex) -> None:
    assert len(index.search("timeout 副本 dry-run 容器", 2)) == 2
    assert index.search("timeout", 0) == []


@given(st.text(max_size=80))
@settings(max_examples=150)
def test_any_question_is_safe(question: str) -> None:
    assert all(0 <= scored.score <= 1 for scored in _shared().search(question, 5))


@pytest.mark.parametrize(
    "question",
    ['"', "NEAR(", "a AND", "* OR NOT", "col:x", "^x", "\x00", "\ud800", "'; DROP TABLE terms; --", "x " * 500_000],
)
def test_query_syntax_and_control_characters_are_only_text(index: FtsIndex, question: str) -> None:
    index.search(question, 5)


def test_a_deleted_file_is_begun_anew(index: FtsIndex, tmp_path: Path) -> None:
    for file in (tmp_path / "deep").iterdir():
        file.unlink()
    assert index.position() == 0
    assert found(index, "timeout") == []


def test_clear_forgets_everything(index: FtsIndex) -> None:
    index.clear()
    assert (index.position(), len(index), found(index, "timeout")) == (0, 0, [])


def test_an_index_of_another_format_is_begun_anew(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "words.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.execute("CREATE TABLE state (name TEXT)")
    connection.close()
    assert FtsIndex(path).position() == 0


def test_threads_search_while_one_writes(index: FtsIndex) -> None:
    errors: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(30):
                assert found(index, "滚动更新")[0] == 3
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        index.replace({"moving": [chunk(100 + number, "moving", f"text {number}")]}, 10 + number)
    for thread in threads:
        thread.join()
    assert not errors
    assert index.position() == 29


def test_processes_write_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_write, [path] * 8, range(8)))
    assert len(FtsIndex(path)) == 8


def _write(path: Path, number: int) -> None:
    FtsIndex(path).replace({f"d{number}": [chunk(number, f"d{number}", f"word{number}")]}, number)


_index: FtsIndex | None = None


def _shared() -> FtsIndex:
    global _index
    if _index is None:
        import tempfile

        _index = FtsIndex(Path(tempfile.mkdtemp()) / "words.sqlite")
        _index.replace({"d": [chunk(1, "d", "some words AND OR NOT near 中文 42")]}, 1)
    return _index


def test_flags_of_one_letter_are_told_apart(tmp_path: Path) -> None:
    index = FtsIndex(tmp_path / "words.sqlite")
    index.replace(
        {
            "lower": [chunk(1, "lower", "the option -o writes to a file")],
            "upper": [chunk(2, "upper", "the option -O keeps the name")],
        },
        1,
    )
    assert found(index, "-o")[0] == 1
    assert found(index, "-O")[0] == 2
