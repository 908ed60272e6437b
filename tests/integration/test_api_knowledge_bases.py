"""Knowledge bases, uploads, documents, sources and search over REST, with builds done as a worker does them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from backend.accounts.guard import LOCAL
from backend.bootstrap import Container
from backend.jobs.events import Stage
from backend.jobs.kinds import Outcome
from backend.jobs.tables import jobs
from backend.knowledge_bases.selection import chosen_or_own
from backend.operations.sample import make_sample
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.database import Database
from tests.api_client import api_client
from tests.databases import DIALECTS, database_url

MARKDOWN = (
    b"# Restart\n\nUse `kubectl rollout restart` to restart a deployment.\n\n## Undo\n\nUse `kubectl rollout undo`.\n"
)


TOKEN = "a-long-enough-token"


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with (
        database_url(request.param, tmp_path) as url,
        api_client(tmp_path / "data", uploads={"max_file_bytes": 1000}, database_url=url) as opened,
    ):
        yield opened


def build(client: TestClient, kb: str = "docs") -> None:
    """What a worker does with the jobs that wait."""
    made: Container = client.app.state.container  # type: ignore[attr-defined]
    base = client.get(f"knowledge-bases/{kb}").json()
    for _ in made.ingestor.build(LOCAL, base["id"]):
        pass


def upload(client: TestClient, *files: tuple[str, bytes], kb: str = "docs", **options: Any) -> dict[str, Any]:
    parts = [("files", (name, content, "text/plain")) for name, content in files]
    answer = client.post(f"knowledge-bases/{kb}/documents", files=parts, **options)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


@pytest.fixture
def docs(client: TestClient) -> TestClient:
    client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
    return client


def test_a_base_is_made_listed_renamed_and_deleted(client: TestClient) -> None:
    made = client.post("knowledge-bases", json={"name": "docs", "description": "d"})
    assert made.status_code == 201
    view = made.json()
    assert (view["embedders"], view["document_count"], view["active_job_id"]) == (["hashing"], 0, None)
    assert client.post("knowledge-bases", json={"name": "docs"}).json()["code"] == "name_taken"
    assert client.post("knowledge-bases", json={"name": "x", "embedders": ["none"]}).status_code == 422
    assert client.post("knowledge-bases", json={"name": "a\nb"}).status_code == 422
    assert client.get("knowledge-bases/docs").json()["id"] == view["id"]
    assert client.get(f"knowledge-bases/{view['id']}").json()["name"] == "docs"
    assert client.patch("knowledge-bases/docs", json={"name": "manuals"}).json()["name"] == "manuals"
    gone = client.delete("knowledge-bases/manuals")
    assert (gone.status_code, gone.json()["job"]["kind"]) == (202, "delete_knowledge_base")
    assert client.get("knowledge-bases/manuals").status_code == 404
    assert client.get("knowledge-bases").json()["items"] == []


def test_uploads_are_built_searched_read_and_deleted(docs: TestClient) -> None:
    accepted = upload(docs, ("guide/restart.md", MARKDOWN), ("重启.txt", "如何重启服务".encode()))
    assert accepted["refused"] == []
    assert accepted["job"]["kind"] == "build"
    assert docs.get("knowledge-bases/docs").json()["active_job_id"] == accepted["job"]["id"]
    build(docs)
    listed = docs.get("knowledge-bases/docs/documents").json()["items"]
    assert [(each["path"], each["status"]) for each in listed] == [
        ("guide/restart.md", "indexed"),
        ("重启.txt", "indexed"),
    ]
    found = docs.post("knowledge-bases/docs/search", json={"query": "restart a deployment", "explain": True}).json()
    best = found["hits"][0]
    assert best["document"]["path"] == "guide/restart.md"
    assert 0 <= best["score"] <= 1
    assert best["parts"]
    document = listed[0]
    path = f"knowledge-bases/docs/documents/{document['id']}"
    content = docs.get(f"{path}/content").json()
    assert content["text"] == MARKDOWN.decode()
    assert all(content["text"][chunk["start"] : chunk["end"]] == chunk["text"] for chunk in content["chunks"])
    assert docs.get(path).json()["title"] == "Restart"
    original = docs.get(f"{path}/content?format=original")
    assert original.content == MARKDOWN
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["x-content-type-options"] == "nosniff"
    assert docs.get("knowledge-bases/docs/documents?q=RESTART").json()["items"][0]["id"] == document["id"]
    assert docs.delete(path).status_code == 204
    assert docs.get(path).status_code == 404
    again = docs.post("knowledge-bases/docs/search", json={"query": "restart a deployment"}).json()
    assert all(hit["document"]["path"] != "guide/restart.md" for hit in again["hits"])


PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 43>>stream\nBT /F 12 Tf 20 50 Td (Drain the node.) Tj ET\nendstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj trailer<</Root 1 0 R>>"""


def test_a_page_is_drawn_with_its_passage_and_kept(docs: TestClient) -> None:
    upload(docs, ("drain.pdf", PDF), ("restart.md", MARKDOWN))
    build(docs)
    ids = {each["path"]: each["id"] for each in docs.get("knowledge-bases/docs/documents").json()["items"]}
    path = f"knowledge-bases/docs/documents/{ids['drain.pdf']}"
    content = docs.get(f"{path}/content").json()
    assert content["pages"] == [{"start": 0, "label": "1"}]
    start = content["text"].index("the node")
    page = docs.get(f"{path}/pages/1", params={"start": start, "end": start + 8}).json()
    assert {name: page[name] for name in ("number", "count", "width", "height")} == {
        "number": 1, "count": 1, "width": 300, "height": 100,
    }  # fmt: skip
    (box,) = page["boxes"]
    assert 0.15 < box["left"] < box["right"] < 0.4
    assert box["top"] < 0.49 < box["bottom"]
    pictures = [docs.get(f"{path}/pages/1/picture") for _ in range(2)]
    assert [(each.headers["content-type"], each.content[:4]) for each in pictures] == [("image/png", b"\x89PNG")] * 2
    assert docs.get(f"{path}/pages/2").json()["code"] == "not_found"
    refused = docs.get(f"knowledge-bases/docs/documents/{ids['restart.md']}/pages/1/picture")
    assert (refused.status_code, refused.json()["code"]) == (422, "unreadable_file")


def test_files_that_cannot_be_taken_do_not_stop_the_others(docs: TestClient) -> None:
    accepted = upload(
        docs,
        ("good.md", MARKDOWN),
        ("large.md", b"x" * 1001),
        ("empty.md", b""),
        ("../escape.md", b"x"),
        ("good.md", b"again"),
        ("C:\\temp\\x.md", b"x"),
        ("/etc/passwd", b"root"),
    )
    refused = {each["path"]: each["code"] for each in accepted["refused"]}
    assert refused == {
        "large.md": "file_too_large",
        "empty.md": "file_empty",
        "../escape.md": "invalid_input",
        "good.md": "invalid_input",
    }
    build(docs)
    paths = [each["path"] for each in docs.get("knowledge-bases/docs/documents").json()["items"]]
    assert paths == ["etc/passwd", "good.md", "x.md"]


def test_a_document_that_cannot_be_read_carries_the_code_of_the_reason(docs: TestClient) -> None:
    upload(docs, ("scan.pdf", b"not a pdf at all"))
    build(docs)
    (document,) = docs.get("knowledge-bases/docs/documents").json()["items"]
    assert (document["status"], document["error_code"]) == ("failed", "file_damaged")
    assert document["error"].startswith("scan.pdf is damaged")


def test_a_file_larger_than_memory_would_like_goes_to_disk(tmp_path: Path) -> None:
    size = 40_000_000
    with api_client(tmp_path, uploads={"max_file_bytes": size}) as client:
        client.post("knowledge-bases", json={"name": "docs"})
        content = bytes(range(256)) * (size // 256)
        upload(client, ("big.bin", content), ("bigger.bin", content + b"more"))
        made: Container = client.app.state.container  # type: ignore[attr-defined]
        stored = made.blobs.path(hashlib.sha256(content).hexdigest())
        assert stored.stat().st_size == len(content)


def test_a_zip_is_a_source_of_its_own(docs: TestClient) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.md", MARKDOWN)
        archive.writestr("sub/b.md", "# B\n\nText of b.")
    upload(docs, ("pack.zip", packed.getvalue()))
    build(docs)
    assert [each["path"] for each in docs.get("knowledge-bases/docs/documents").json()["items"]] == ["a.md", "sub/b.md"]
    source = docs.get("knowledge-bases/docs/sources").json()["items"][0]
    assert (source["kind"], source["document_count"]) == ("zip", 2)
    path = f"knowledge-bases/docs/sources/{source['id']}"
    assert docs.post(f"{path}/sync").status_code == 202
    assert docs.delete(path).status_code == 204
    assert docs.get("knowledge-bases/docs/documents").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 415),
        (b"no boundary here", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\nhalf',
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
    ],
)
def test_what_is_no_upload_is_refused(docs: TestClient, body: bytes, content_type: str, status: int) -> None:
    answer = docs.post("knowledge-bases/docs/documents", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert docs.get("knowledge-bases/docs/documents").json()["items"] == []


def test_the_same_upload_with_one_key_is_one_job(docs: TestClient) -> None:
    key = {"Idempotency-Key": "up-1"}
    first = upload(docs, ("a.md", MARKDOWN), headers=key)
    assert upload(docs, ("a.md", MARKDOWN), headers=key) == first
    other = docs.post("knowledge-bases/docs/documents", files=[("files", ("a.md", b"other"))], headers=key)
    assert other.json()["code"] == "idempotency_key_reused"
    assert len(docs.get("jobs").json()["items"]) == 1


def test_a_folder_is_a_source_of_local_users_only(docs: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_bytes(MARKDOWN)
    body = {"kind": "folder", "location": str(folder), "options": {"include": ["*.md"]}}
    accepted = docs.post("knowledge-bases/docs/sources", json=body)
    assert accepted.status_code == 202
    build(docs)
    source = docs.get(f"knowledge-bases/docs/sources/{accepted.json()['source_id']}").json()
    assert (source["document_count"], source["options"]) == (1, {"include": ["*.md"]})
    changed = docs.patch(f"knowledge-bases/docs/sources/{source['id']}", json={"options": {}})
    assert changed.json()["options"] == {}
    with api_client(tmp_path / "public", api={"host": "0.0.0.0"}, token=TOKEN) as public:
        public.headers["Authorization"] = f"Bearer {TOKEN}"
        public.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        assert public.post("knowledge-bases/docs/sources", json=body).status_code == 403


REACHABLE: list[dict[str, Any]] = [
    {"api": {"host": "0.0.0.0"}},
    {"ui": {"host": "0.0.0.0"}},
    {"api": {"allowed_hosts": ("chat.example",)}},
    {"api": {"allowed_origins": ("https://chat.example",)}},
    {},
]


@pytest.mark.parametrize("settings", REACHABLE, ids=str)
def test_others_name_paths_below_roots_only(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "shared" / "docs").mkdir(parents=True)
    (tmp_path / "private").mkdir()
    (tmp_path / "shared" / "way-out").symlink_to(tmp_path / "private")
    roots = {"roots": (tmp_path / "shared",)}
    with api_client(tmp_path / "data", token=TOKEN, sources=roots, **settings) as public:
        public.headers["Authorization"] = f"Bearer {TOKEN}"
        public.post("knowledge-bases", json={"name": "docs"}).raise_for_status()

        def add(path: str) -> int:
            body = {"kind": "folder", "location": path}
            return public.post("knowledge-bases/docs/sources", json=body).status_code

        assert add(str(tmp_path / "shared" / "docs")) == 202
        assert add(str(tmp_path / "shared")) == 202
        for path in ("private", "shared/../private", "shared/way-out", "shared-too", ""):
            assert add(str(tmp_path / path)) == 403
        assert add("/etc") == 403


def test_the_data_folder_is_never_a_source(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "beside").mkdir()
    (data / "files").mkdir(parents=True)
    (tmp_path / "beside" / "link").symlink_to(data)
    with api_client(data) as client:
        client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        for path in (data, data / "files", tmp_path / "beside" / "link", tmp_path, Path("/")):
            answer = client.post("knowledge-bases/docs/sources", json={"kind": "folder", "location": str(path)})
            assert (answer.status_code, answer.json()["code"]) == (403, "path_refused")
        zipped = client.post("knowledge-bases/docs/sources", json={"kind": "zip", "location": str(data / "chatbot.db")})
        assert zipped.status_code == 403
        beside = client.post(
            "knowledge-bases/docs/sources", json={"kind": "folder", "location": str(tmp_path / "beside")}
        )
        assert beside.status_code == 202


@pytest.mark.parametrize(
    ("kind", "path"),
    [("zip", "pipe"), ("zip", "/dev/zero"), ("zip", "."), ("folder", "file.md"), ("folder", "~nosuchuser/docs")],
)
def test_what_is_no_folder_or_file_is_the_callers_mistake(tmp_path: Path, kind: str, path: str) -> None:
    (tmp_path / "beside").mkdir()
    os.mkfifo(tmp_path / "beside" / "pipe")
    (tmp_path / "beside" / "file.md").write_text("# A")
    location = path if path[0] in "/~" else str(tmp_path / "beside" / path)
    with api_client(tmp_path / "data") as client:
        client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        answer = client.post("knowledge-bases/docs/sources", json={"kind": kind, "location": location})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_jobs_are_told_of_cancelled_and_asked_for_again(docs: TestClient) -> None:
    job = upload(docs, ("a.md", MARKDOWN))["job"]
    assert docs.get("jobs?knowledge_base=docs&status=queued").json()["items"][0]["id"] == job["id"]
    assert docs.post(f"jobs/{job['id']}/cancel").json()["status"] == "cancelled"
    told = docs.get(f"jobs/{job['id']}/events").text
    assert "event: job_queued" in told
    assert told.rstrip().splitlines()[-1].startswith("data: ")
    assert "event: job_cancelled" in told
    assert docs.post(f"jobs/{job['id']}/retry").json()["status"] == "queued"
    assert docs.post(f"jobs/{job['id']}/retry").json()["code"] == "job_active"


def test_other_embedders_are_built_beside_the_present_ones(docs: TestClient) -> None:
    same = docs.patch("knowledge-bases/docs", json={"embedders": ["hashing"]}).json()
    assert same["next_embedders"] is None
    other = docs.patch("knowledge-bases/docs", json={"embedders": []}).json()
    assert other["next_embedders"] == []
    assert docs.get("jobs").json()["items"][0]["kind"] == "embed"


def test_a_question_file_becomes_a_job(docs: TestClient) -> None:
    question = {"id": "1", "question": "How?", "answers": [{"doc": "a.md", "quote": "x"}]}
    accepted = docs.post(
        "knowledge-bases/docs/evaluations", files={"file": ("questions.jsonl", json.dumps(question).encode())}
    )
    assert (accepted.status_code, accepted.json()["job"]["kind"]) == (202, "evaluate")
    for content in (b"{}", b"", b"\xff\xfe", b'{"id": 1}\nnot json'):
        refused = docs.post("knowledge-bases/docs/evaluations", files={"file": ("questions.jsonl", content)})
        assert refused.status_code == 422
    assert "questions.jsonl" in refused.json()["detail"]


def test_an_evaluation_asks_its_questions_and_leaves_its_report(docs: TestClient) -> None:
    upload(docs, ("a.md", MARKDOWN))
    build(docs)
    question = {"id": "1", "question": "How?", "answers": [{"doc": "a.md", "quote": "x"}]}
    files = {"file": ("questions.jsonl", json.dumps(question).encode())}
    accepted = docs.post("knowledge-bases/docs/evaluations", files=files).json()["job"]
    container: Container = docs.app.state.container  # type: ignore[attr-defined]
    with container.database.read() as connection:
        job = container.jobs.get(connection, LOCAL, accepted["id"])
        arguments = container.jobs.arguments(connection, job)
    *counts, outcome = container.jobs.kinds["evaluate"].run(container, job, arguments)
    assert counts == [Stage(name="questions", done=1, total=1)]
    assert isinstance(outcome, Outcome)
    assert (outcome.result["file"], outcome.result["count"]) == ("questions.jsonl", 1)


def asked(client: TestClient, *chosen: str) -> list[str]:
    """The names of the bases that a question is asked of."""
    database: Database = client.app.state.container.database  # type: ignore[attr-defined]
    with database.read() as connection:
        store = KnowledgeBaseStore(connection, LOCAL)
        return [store.get(each).name for each in chosen_or_own(connection, LOCAL, chosen)]


def test_the_guide_is_made_once_and_asked_where_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "start.md").write_bytes(MARKDOWN)
    with api_client(tmp_path / "data", guide_dir=tmp_path / "guide", sample_guide=True) as client:
        view = client.get("knowledge-bases/guide").json()
        assert view["active_job_id"]
        build(client, "guide")
        assert client.get("knowledge-bases/guide").json()["document_count"] == 1
        assert asked(client) == ["guide"]
        client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        assert sorted(asked(client)) == ["docs", "guide"]  # the other one has nothing to say yet
        upload(client, ("restart.md", MARKDOWN))
        build(client)
        assert asked(client) == ["docs"]
        assert asked(client, view["id"]) == ["guide"]
        client.delete("knowledge-bases/docs")
        assert asked(client) == ["guide"]
        client.delete("knowledge-bases/guide")
        make_sample(client.app.state.container)  # type: ignore[attr-defined]
        assert client.get("knowledge-bases").json()["items"] == []


def test_jobs_are_listed_without_their_results_where_nobody_wants_them(client: TestClient) -> None:
    client.post("knowledge-bases", json={"name": "docs"})
    job = upload(client, ("a.md", b"# A\n\nText.\n"))["job"]["id"]
    made: Container = client.app.state.container  # type: ignore[attr-defined]
    with made.database.write() as connection:
        connection.execute(update(jobs).values(result={"per_question": [1]}))
    listed = [client.get("jobs", params={"results": wanted}).json()["items"][0] for wanted in ("true", "false")]
    assert [each["id"] for each in listed] == [job, job]
    assert [each["result"] for each in listed] == [{"per_question": [1]}, {}]
    assert client.get(f"jobs/{job}").json()["result"] == {"per_question": [1]}
