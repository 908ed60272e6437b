"""Files of conversations: bound to a run, seen by their owner alone, never run in our origin, gone with the thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from agents.phases.spec import RunSpec
from backend.accounts.guard import LOCAL
from backend.app import create_app
from backend.artifacts.store import Artifact, ArtifactStore, collect_unreferenced_files
from backend.bootstrap import Container
from backend.errors import Missing
from backend.runs.opening import Placement, open_run
from backend.threads.store import ThreadStore
from knowledge.types import Scope
from tests.api_client import URL, container
from tests.databases import DIALECTS, database_url

STRANGER = Scope(workspace_id="local", user_id="stranger")


@pytest.fixture(params=DIALECTS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Container]:
    with database_url(request.param, tmp_path) as url:
        opened = container(tmp_path / "data", database_url=url)
        yield opened
        opened.close()


def brought(
    made: Container,
    content: bytes,
    scope: Scope = LOCAL,
    *,
    name: str = "report.html",
    media_type: str = "text/html",
) -> Artifact:
    """A file that somebody brings along, in no run yet."""
    with made.artifact_files.hold() as holding:
        blob = holding.put([content])
        with made.database.write() as connection:
            return ArtifactStore(connection, scope).add(blob, name=name, media_type=media_type)


def attached(made: Container, *ids: str) -> str:
    """The thread in which a question brought these files along."""
    with made.database.write() as connection:
        thread = ThreadStore(connection, LOCAL).create("", ())
        spec = RunSpec(question="What is in it?", scope=LOCAL, attachments=ids)
        open_run(connection, thread.id, spec, Placement(), owner=made.runs.owner)
    return thread.id


@pytest.mark.parametrize(
    ("media_type", "sent_as"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/javascript", "application/octet-stream"),
        ("image/png", "image/png"),
    ],
)
def test_a_file_leaves_as_a_download_that_cannot_run_here(made: Container, media_type: str, sent_as: str) -> None:
    page = b"<script>alert(document.domain)</script>"
    artifact = brought(made, page, name='报告 "x".html', media_type=media_type)
    with TestClient(create_app(made), base_url=URL) as client:
        answer = client.get(f"/api/v1/artifacts/{artifact.id}")
    assert (answer.status_code, answer.content) == (200, page)
    assert answer.headers["content-type"] == sent_as
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E6%8A%A5")
    assert '"' not in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]


def test_nobody_sees_or_attaches_the_file_of_another(made: Container) -> None:
    theirs = brought(made, b"secret", STRANGER)
    with TestClient(create_app(made), base_url=URL) as client:
        assert client.get(f"/api/v1/artifacts/{theirs.id}").status_code == 404
        assert client.get("/api/v1/artifacts/nothing").status_code == 404
    with pytest.raises(Missing):
        attached(made, theirs.id)


def test_what_a_question_brings_along_belongs_to_its_run_and_goes_with_the_conversation(made: Container) -> None:
    mine, other = brought(made, b"mine"), brought(made, b"other")
    thread = attached(made, mine.id)
    with made.database.read() as connection:
        store = ArtifactStore(connection, LOCAL)
        assert store.get(mine.id).run_id is not None
        assert store.get(other.id).run_id is None
    assert sum(collect_unreferenced_files(made.database, made.artifact_files)) == 0
    with made.database.write() as connection:
        ThreadStore(connection, LOCAL).delete(thread)
    assert sum(collect_unreferenced_files(made.database, made.artifact_files)) == 1
    with made.database.read() as connection, pytest.raises(Missing):
        ArtifactStore(connection, LOCAL).get(mine.id)
    assert made.artifact_files.path(other.content_hash).read_bytes() == b"other"
