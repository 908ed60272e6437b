"""The whole API on a database of its own, with a runner that does as it is told and embedders that need no model."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.testclient import TestClient

from agents.events import Cited, Retrieved, TextDelta, UsageReported
from agents.evidence import Citation, Nearest
from agents.phases.context import RunContext
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement
from agents.runner import Runner
from backend.api.half_open import timely_protocol
from backend.app import create_app
from backend.bootstrap import Container, build
from backend.settings import Settings
from backend.telemetry import configure_logging
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.storage.database import Database
from knowledge.types import Verdict
from tests.databases import sqlite_template
from tests.shared_parser import shared_parser

URL = "http://127.0.0.1"

CITATION = Citation(
    number=1,
    document_id="d" * 32,
    knowledge_base_id="b" * 32,
    path="guide/install.md",
    title="Install",
    url="",
    heading_path=("Install", "Linux"),
    anchor="linux",
    quote="Run make up.",
    start=10,
    end=22,
    answer_start=0,
    answer_end=16,
    support=0.9,
    supported=True,
)


@dataclass
class ScriptedPhase:
    """A phase that says what it was given, and remembers what it was asked. `error` is raised instead of an end."""

    name: str = "answer"
    words: tuple[str, ...] = ("Run make up. ", "[1]")
    verdict: Verdict = "answered"
    error: Exception | None = None
    pause: float = 0.0
    retrieved: Retrieved | None = None
    asked: list[RunContext] = field(default_factory=list)
    closed: int = 0

    @property
    def description(self) -> Description:
        return Description(en="Says its words.", zh="按剧本回答。")

    @property
    def requires(self) -> frozenset[Requirement]:
        return frozenset()

    def prepare(self) -> None:
        pass

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        self.asked.append(context)
        try:
            if self.retrieved is not None:
                yield self.retrieved
            for word in self.words:
                await asyncio.sleep(self.pause)
                yield TextDelta(text=word)
            if self.error is not None:
                raise self.error
            yield Cited(citations=(CITATION,))
            yield UsageReported(input_tokens=7, output_tokens=3)
            nearest = Nearest(document_id="d", knowledge_base_id="b", path="p", title="t", url="")
            yield Outcome(
                verdict=self.verdict, mode="extractive", nearest=() if self.verdict == "answered" else (nearest,)
            )
        finally:
            self.closed += 1


def container(
    folder: Path, phase: ScriptedPhase | None = None, *, database: Database | None = None, **settings: Any
) -> Container:
    """A container with fakes where models would be, and in place of its own database another one of the folder."""
    made = Settings(
        data_dir=folder,
        default_embedders=("hashing",),
        **{"sample_guide": False, "sandbox": {"adapter": "off"}, **settings},
    )
    configure_logging(made)
    if "database_url" not in settings and not (file := folder / "chatbot.db").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sqlite_template(), file)
    return build(
        made,
        runner=Runner([phase or ScriptedPhase()]),
        embedders={"hashing": HashingEmbedder()},
        prepare=lambda: None,
        **({} if "parsing" in settings else {"parser": shared_parser()}),
        **({} if database is None else {"database": database}),
    )


@contextmanager
def api_client(
    folder: Path, phase: ScriptedPhase | None = None, *, peer: str = "127.0.0.1", **settings: Any
) -> Iterator[TestClient]:
    """A client of a running application, at the address `peer`."""
    app = create_app(container(folder, phase, **settings))
    with TestClient(app, base_url=URL, client=(peer, 50_000)) as client:
        client.base_url = client.base_url.join("/api/v1/")
        yield client


@contextmanager
def serving(folder: Path, phase: ScriptedPhase | None = None, **settings: Any) -> Iterator[str]:
    """The URL of a server on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        made = container(folder, phase, **settings)
        config = uvicorn.Config(
            create_app(made),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            http=timely_protocol(made.settings.api.half_open_seconds),
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(10)


def ask(client: TestClient, thread_id: str, **body: Any) -> dict[str, Any]:
    """A run, waited for."""
    run: dict[str, Any] = (
        client.post(f"threads/{thread_id}/runs", json={"input": "How?", **body}).raise_for_status().json()
    )
    client.get(f"runs/{run['id']}/events").raise_for_status()
    return run


def new_thread(client: TestClient, **body: Any) -> str:
    return str(client.post("threads", json=body).raise_for_status().json()["id"])


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Server-sent events as (id, kind, data); comments left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found
