"""Sheets and separated values, uploaded and asked: an answer names the rows that it quotes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from agents.citations.checking import check_citations
from agents.citations.passages import passage_of
from agents.citations.support import PassageBacking
from agents.evidence import Evidence
from backend.accounts.guard import LOCAL
from backend.app import create_app
from backend.bootstrap import Container, build
from backend.settings import Settings
from backend.tools.documents import ToolDocuments
from knowledge.embedding.hashing import HashingEmbedder
from tests.api_client import URL, ask, events, new_thread
from tests.databases import DIALECTS, blank_database_url

_EVIDENCE = TypeAdapter(Evidence)


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with blank_database_url(request.param, tmp_path) as url:
        settings = Settings(
            data_dir=tmp_path / "data",
            database_url=url,
            default_embedders=("hashing",),
            sample_guide=False,
            sandbox={"adapter": "off"},  # type: ignore[arg-type]
        )
        made = build(settings, embedders={"hashing": HashingEmbedder()}, prepare=lambda: None)
        with TestClient(create_app(made), base_url=URL, client=("127.0.0.1", 50_000)) as opened:
            opened.base_url = opened.base_url.join("/api/v1/")
            opened.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
            files = [
                ("files", ("hosts.xlsx", _workbook(), "application/octet-stream")),
                ("files", ("ports.csv", _ports(), "text/csv")),
            ]
            opened.post("knowledge-bases/docs/documents", files=files).raise_for_status()
            _build(opened, made)
            yield opened


def _build(client: TestClient, made: Container) -> None:
    """What a worker does."""
    for _ in made.ingestor.build(LOCAL, client.get("knowledge-bases/docs").json()["id"]):
        pass


def _workbook() -> bytes:
    """A header in row 3, two blank rows in every ten, and the zebra gateway in row 145."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "Hosts"
    sheet["A3"], sheet["B3"], sheet["C3"] = "Host", "Role", "Owner"
    for row in range(4, 200):
        if row % 10 > 1:
            sheet.cell(row, 1, f"node-{row}"), sheet.cell(row, 2, "worker"), sheet.cell(row, 3, "the platform team")
    sheet["A145"], sheet["B145"], sheet["C145"] = "zebra-gateway", "gateway", "the striped horse team"
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def _ports() -> bytes:
    rows = [f'service-{number},{9000 + number},"first line\nsecond line"' for number in range(3, 120)]
    rows[60] = 'walrus-exporter,9273,"scraped\nby the tusk team"'  # record 63: the header, a blank line, then 3
    return ("service,port,note\n\n" + "\n".join(rows) + "\n").encode()


def _cited(client: TestClient, question: str) -> list[dict[str, Any]]:
    thread = new_thread(client, knowledge_bases=["docs"])
    run = ask(client, thread, input=question, knowledge_bases=["docs"])
    told = events(client.get(f"runs/{run['id']}/events").text)
    (cited,) = (data for _, kind, data in told if kind == "cited")
    message = client.get(f"threads/{thread}/messages").json()["items"][-1]
    assert [each["anchor"] for each in message["citations"]] == [each["anchor"] for each in cited["citations"]]
    return list(cited["citations"])


@pytest.mark.parametrize(
    ("question", "quoted", "anchor", "table"),
    [
        (
            "Who owns zebra-gateway?",
            "zebra-gateway",
            "sheet=Hosts&row=145",
            "| Host | Role | Owner |\n| --- | --- | --- |\n| zebra-gateway | gateway | the striped horse team [1] |",
        ),
        (
            "Which port does walrus-exporter have?",
            "walrus-exporter",
            "row=63",
            "| service | port | note |\n| --- | --- | --- |\n| walrus-exporter | 9273 | scraped by the tusk team [1] |",
        ),
    ],
)
def test_a_citation_names_the_row(client: TestClient, question: str, quoted: str, anchor: str, table: str) -> None:
    (citation,) = [each for each in _cited(client, question) if quoted in each["quote"]]
    assert citation["anchor"] == anchor
    body = {"model": "answer", "messages": [{"role": "user", "content": question}], "knowledge_bases": ["docs"]}
    answer = client.post(f"{URL}/v1/chat/completions", json=body).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"].endswith(table)
    sources = [each["url_citation"] for each in answer["choices"][0]["message"]["annotations"]]
    assert [each["anchor"] for each in sources if quoted in each["quote"]] == [anchor]


def test_what_a_model_says_is_cited_by_row(client: TestClient) -> None:
    thread = new_thread(client, knowledge_bases=["docs"])
    run = ask(client, thread, input="Who owns zebra-gateway?", knowledge_bases=["docs"])
    told = events(client.get(f"runs/{run['id']}/events").text)
    (found,) = (data for _, kind, data in told if kind == "retrieved")
    passages = [passage_of(_EVIDENCE.validate_python(each)) for each in found["passages"]]
    (number,) = (each.number for each in passages if "zebra-gateway" in each.text)
    said = f"The zebra-gateway is owned by the striped horse team [{number}]."
    (citation,) = check_citations(said, passages, PassageBacking()).citations
    assert citation.anchor == "sheet=Hosts&row=145"


def test_what_a_tool_read_is_cited_by_row(client: TestClient) -> None:
    made: Container = client.app.state.container  # type: ignore[attr-defined]
    documents = ToolDocuments(database=made.database, blobs=made.blobs, ingestor=made.ingestor, jobs=made.jobs)
    base = client.get("knowledge-bases/docs").json()["id"]
    hits = client.post("knowledge-bases/docs/search", json={"query": "zebra-gateway"}).json()["hits"]
    document = next(each["document"]["id"] for each in hits if "zebra-gateway" in each["text"])
    whole = documents.passage(LOCAL, [base], document, 0, 100_000)
    start = whole.text.index("| node-142")  # in the middle of a chunk
    read = documents.passage(LOCAL, [base], document, start, 100_000)
    for evidence in (whole, read):
        said = "The zebra-gateway is owned by the striped horse team [1]."
        (citation,) = check_citations(said, [passage_of(evidence)], PassageBacking()).citations
        assert citation.anchor == "sheet=Hosts&row=145"


def test_hits_and_chunks_name_the_rows_that_they_hold(client: TestClient) -> None:
    hits = client.post("knowledge-bases/docs/search", json={"query": "zebra-gateway"}).json()["hits"]
    hit = next(each for each in hits if "zebra-gateway" in each["text"])
    sheet, _, rows = hit["anchor"].partition("&row=")
    first, last = map(int, rows.split("-"))
    assert sheet == "sheet=Hosts"
    assert first <= 145 <= last
    assert all(f"| node-{row} |" in hit["text"] for row in (first, last))
    assert hit["page"] == "Hosts"
    where = f"knowledge-bases/docs/documents/{hit['document']['id']}/content"
    anchors = [chunk["anchor"] for chunk in client.get(where).json()["chunks"]]
    assert hit["anchor"] in anchors
    assert anchors[0].startswith("sheet=Hosts&row=4-")
