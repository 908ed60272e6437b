"""A page of the web as a source: fetched, asked for again only if changed, and kept while its site is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from knowledge.events import DocumentFailed
from knowledge.storage.bases import SourceStore
from knowledge.types import KnowledgeBase
from tests.workshop import Workshop


class Site(ThreadingHTTPServer):
    """One page, whose text and status tests change; `served` counts how often it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.text = "The zebra quota is forty."
        self.status = 200
        self.served = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/guide/limits"


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        tag = f'"{hash(self.server.text)}"'
        same = self.headers.get("If-None-Match") == tag
        status = 304 if same and self.server.status == 200 else self.server.status
        body = b"" if status == 304 else f"<html><title>Limits</title><main><p>{self.server.text}</p></main>".encode()
        self.server.served += status == 200
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def make_base(workshop: Workshop, site: Site) -> KnowledgeBase:
    base = workshop.make_base(folder=False)
    with workshop.database.write() as connection:
        SourceStore(connection, base).add("web", site.url)
    return base


def failures(workshop: Workshop, base: KnowledgeBase) -> list[DocumentFailed]:
    return [event for event in workshop.events(base) if isinstance(event, DocumentFailed)]


def test_a_page_is_fetched_once_until_it_changes(workshop: Workshop, site: Site) -> None:
    base = make_base(workshop, site)
    assert workshop.build(base).indexed == 1
    [document] = workshop.documents(base).values()
    assert document.url == site.url
    assert workshop.found_by_words(base, "zebra") == [document.path]
    assert workshop.build(base).unchanged == 1
    assert site.served == 1
    site.text = "The giraffe quota is fifty."
    assert workshop.build(base).indexed == 1
    assert workshop.found_by_words(base, "zebra") == []
    assert workshop.found_by_words(base, "giraffe") == [document.path]
    assert workshop.broken() == []


def test_a_site_that_is_away_keeps_what_it_said(workshop: Workshop, site: Site) -> None:
    base = make_base(workshop, site)
    workshop.build(base)
    site.status = 503
    assert [failure.code for failure in failures(workshop, base)] == ["fetch_refused"]
    assert len(workshop.found_by_words(base, "zebra")) == 1
    site.status = 200
    assert failures(workshop, base) == []


def test_a_page_that_never_came_is_a_document_that_says_so(workshop: Workshop, site: Site) -> None:
    base = make_base(workshop, site)
    site.status = 404
    [failure] = failures(workshop, base)
    [document] = workshop.documents(base).values()
    assert (document.id, document.status, document.error) == (failure.document_id, "failed", failure.reason)
    site.status = 200
    workshop.build(base)
    assert [document.status for document in workshop.documents(base).values()] == ["indexed"]
    assert workshop.broken() == []
