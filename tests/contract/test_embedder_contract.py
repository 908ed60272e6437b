"""Every embedder, and the fake beside the port, keeps the same promises."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.embedding import BUILT_IN, EmbedderConfig, OwnedEmbedder, create_embedders
from knowledge.embedding.embedding_cache import CachedEmbedder
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.embedding.minilm import GRAPH, MiniLM, checked_weights
from knowledge.embedding.openai_compatible import OpenAICompatibleEmbedder
from knowledge.embedding.sentence_encoder import SentenceEncoder
from knowledge.embedding.sentence_transformers import SentenceTransformerEmbedder
from knowledge.errors import EmbedderUnavailable, InvalidInput

TEXTS = (
    "How do I limit the memory of a pod?",
    "Set resources.limits.memory in the container's spec to limit the memory of a pod.",
    "The zebra grazes on the savannah.",
    "",
    "如何限制一个 Pod 的内存？",
    "word " * 3000,
    "\x00 odd \ud800 characters \U0001f600",
)


class Endpoint(ThreadingHTTPServer):
    """Speaks the embeddings part of the OpenAI protocol. `answer` may be replaced to misbehave."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = HashingEmbedder(dimension=24)
        self.batches: list[int] = []
        self.failures: list[int] = []
        self.spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = list

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.failures:
            self._send(self.server.failures.pop(0), {"error": {"message": "not now"}})
            return
        self.server.batches.append(len(body["input"]))
        rows = [
            {"object": "embedding", "index": index, "embedding": [float(x) * 3 for x in vector]}
            for index, vector in enumerate(self.server.model.embed_documents(body["input"]))
        ]
        self._send(200, {"object": "list", "model": body["model"], "data": self.server.spoil(rows)[::-1]})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def over_http(server: Endpoint, **options: Any) -> OpenAICompatibleEmbedder:
    languages = frozenset({"en", "zh", "other"})
    return OpenAICompatibleEmbedder(name="remote", model="any", base_url=server.url, languages=languages, **options)


@contextmanager
def _remote() -> Iterator[OwnedEmbedder]:
    with endpoint() as server:
        embedder = over_http(server)
        yield embedder
        embedder.close()


@contextmanager
def _cached() -> Iterator[OwnedEmbedder]:
    with _local(HashingEmbedder()) as embedder:
        yield CachedEmbedder(embedder, size=3)


@contextmanager
def _local(embedder: OwnedEmbedder) -> Iterator[OwnedEmbedder]:
    yield embedder
    embedder.close()


def _minilm_by_path() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(
        name="by-path", model=str(checked_weights().parent), languages=frozenset({"en"}), threads=1
    )


EMBEDDERS: dict[str, Callable[[], AbstractContextManager[OwnedEmbedder]]] = {
    "hashing": lambda: _local(HashingEmbedder()),
    "sentence encoder": lambda: _local(SentenceEncoder(threads=1)),
    "minilm": lambda: _local(MiniLM(threads=1)),
    "sentence-transformers": lambda: _local(_minilm_by_path()),
    "openai": _remote,
    "cached": _cached,
}


@pytest.fixture(scope="module", params=EMBEDDERS)
def embedder(request: pytest.FixtureRequest) -> Iterator[OwnedEmbedder]:
    with EMBEDDERS[request.param]() as made:
        yield made


def test_vectors_have_the_dimension_and_unit_length(embedder: OwnedEmbedder) -> None:
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_order_and_company_do_not_matter(embedder: OwnedEmbedder) -> None:
    together = embedder.embed_documents(TEXTS)
    backwards = embedder.embed_documents(TEXTS[::-1])[::-1]
    alone = np.stack([embedder.embed_documents([text])[0] for text in TEXTS])
    assert (together * backwards).sum(axis=1).min() > 0.9999
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_a_question_is_nearest_to_its_answer(embedder: OwnedEmbedder) -> None:
    question = embedder.embed_query(TEXTS[0])
    assert question.shape == (embedder.dimension,)
    scores = embedder.embed_documents(TEXTS[1:3]) @ question
    assert scores[0] > scores[1]


def test_no_texts_make_no_vectors(embedder: OwnedEmbedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dimension)


def test_it_works_on_after_it_was_closed(embedder: OwnedEmbedder) -> None:
    before = embedder.embed_query(TEXTS[0])
    embedder.close()
    np.testing.assert_allclose(embedder.embed_query(TEXTS[0]), before, atol=1e-6)


def test_it_has_a_name_and_languages(embedder: OwnedEmbedder) -> None:
    assert embedder.name
    assert embedder.languages <= {"en", "zh", "other"}


def test_threads_may_share_it(embedder: OwnedEmbedder) -> None:
    expected = embedder.embed_documents(TEXTS[:3])
    found: list[bool] = []

    def embed() -> None:
        found.append(bool(((embedder.embed_documents(TEXTS[:3]) * expected).sum(axis=1) > 0.9999).all()))

    threads = [threading.Thread(target=embed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_minilm_gives_the_vectors_of_its_authors_engine() -> None:
    """So vectors made before on torch, and those of the same model named by path, compare with ours."""
    texts = [text for text in TEXTS if "\ud800" not in text] + _prose(250)
    agreement = (MiniLM().embed_documents(texts) * _minilm_by_path().embed_documents(texts)).sum(axis=1)
    assert agreement.min() >= 0.99999


def _prose(count: int) -> list[str]:
    """Passages of the user guide, at many lengths."""
    guide = Path(__file__).resolve().parents[2] / "docs" / "guide"
    words = " ".join(path.read_text() for path in sorted(guide.rglob("*.md"))).split()
    generator = random.Random(16)
    starts = [(generator.randrange(len(words)), generator.randint(1, 120)) for _ in range(count)]
    return [" ".join(words[start : start + length]) for start, length in starts]


def test_the_graph_of_minilm_is_the_one_its_module_writes() -> None:
    minilm_graph = pytest.importorskip("knowledge.embedding.minilm_graph", exc_type=ImportError)
    assert minilm_graph.graph(checked_weights()) == GRAPH.read_bytes()


def test_the_built_in_embedders_need_no_torch() -> None:
    program = (
        "import sys\nfrom knowledge.embedding import BUILT_IN, create_embedders\n"
        "for name in BUILT_IN: create_embedders()[name].embed_documents(['a text'] * 300)\n"
        "print({'torch', 'transformers', 'onnx'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_processes_may_use_a_built_in_embedder_for_the_first_time_at_once() -> None:
    program = (
        "from knowledge.embedding.minilm import MiniLM\nprint(MiniLM().embed_query('a question').round(4).tolist())"
    )
    started = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0] for process in started]
    assert answers[0] == answers[1]
    assert len(json.loads(answers[0])) == 384


def test_batches_over_http_are_bounded_and_retried() -> None:
    with endpoint() as server:
        embedder = over_http(server)
        server.failures = [429, 503]
        assert embedder.embed_documents([f"text {number}" for number in range(70)]).shape == (70, 24)
        assert sum(server.batches) == 70
        assert max(server.batches) <= 32
        embedder.close()


def test_an_endpoint_that_misbehaves_is_unavailable() -> None:
    with endpoint() as server:
        embedder = over_http(server, retries=0)
        server.failures = [500]
        with pytest.raises(EmbedderUnavailable, match="remote"):
            embedder.embed_query("a")
        server.spoil = lambda rows: rows[:-1]
        with pytest.raises(EmbedderUnavailable, match="1 vectors came back for 2 texts"):
            embedder.embed_documents(["a", "b"])
        server.spoil = lambda rows: [{**row, "embedding": [float("nan")] * 24} for row in rows]
        with pytest.raises(EmbedderUnavailable):
            embedder.embed_query("a")
        server.spoil = list
        wrong = over_http(server, dimension=25)
        with pytest.raises(EmbedderUnavailable, match="24 dimensions instead of 25"):
            wrong.embed_query("a")
        embedder.close()
        wrong.close()


def test_an_endpoint_that_is_not_there_is_unavailable() -> None:
    embedder = OpenAICompatibleEmbedder(
        name="gone", model="any", base_url="http://127.0.0.1:9/v1", languages=frozenset({"en"}), retries=0
    )
    with pytest.raises(EmbedderUnavailable):
        embedder.embed_query("a")
    embedder.close()


def test_a_model_that_is_not_there_is_unavailable(tmp_path: object) -> None:
    embedder = SentenceTransformerEmbedder(name="none", model=f"{tmp_path}/none", languages=frozenset({"en"}))
    with pytest.raises(EmbedderUnavailable):
        embedder.embed_query("a")


def test_the_registry_knows_the_built_in_ones_and_the_configured() -> None:
    configured = EmbedderConfig(name="mine", kind="openai", model="m", base_url="http://127.0.0.1:9/v1")
    embedders = create_embedders([configured])
    assert list(embedders) == [*BUILT_IN, "mine"]
    assert all(embedder.name == name for name, embedder in embedders.items())
    assert all(embedder.engine for embedder in embedders.values())
    with pytest.raises(InvalidInput):
        create_embedders([configured, configured])
