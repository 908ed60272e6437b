"""A platform for benches of calls: answers at once, and remembers what reached it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class CountingPlatform(ThreadingHTTPServer):
    """Listens on a free port; `reached` holds the path of every request, in their order."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.reached: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answers)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that are killed break off; that is what the bench is for."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        cast(CountingPlatform, self.server).reached.append(self.path)
        body = b'{"status": "ok", "items": [{"name": "one"}, {"name": "two"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def counting_platform() -> Iterator[CountingPlatform]:
    """The platform, until the block ends."""
    platform = CountingPlatform()
    thread = threading.Thread(target=platform.serve_forever, daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        platform.shutdown()
        platform.server_close()
        thread.join()


def described(tools: int) -> str:
    """An OpenAPI document of so many reads, each of which takes a `number`."""
    parameters = [
        {"name": "number", "in": "query", "schema": {"type": "integer"}, "description": "Tells one call from others."},
        {"name": "name", "in": "query", "schema": {"type": "string", "maxLength": 100}},
    ]
    answer = {"200": {"description": "What there is."}}
    paths = {
        f"/things/{index}": {
            "get": {
                "operationId": f"listThings{index}",
                "summary": f"List the things of shelf {index}",
                "parameters": parameters,
                "responses": answer,
            }
        }
        for index in range(tools)
    }
    return json.dumps({"openapi": "3.0.3", "info": {"title": "Things", "version": "1"}, "paths": paths})
