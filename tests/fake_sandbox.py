"""The sandbox's part of the fake API: sessions without an engine, runs that answer as they are told to."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from backend import schemas

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ANSWER: dict[str, Any] = {
    "status": "finished", "stdout": "hello\x1b[31m\n", "stderr": "", "result": "2", "exit_code": 0, "signal": "",
    "detail": "", "artifacts": [{"path": "out.csv", "media_type": "text/csv", "size": 4},
    {"path": "plot.png", "media_type": "image/png", "size": 70},
    {"path": "no.png", "media_type": "image/png", "size": 7}], "skipped": [],
    "outputs": [{"data": {"text/plain": "2", "text/html": "<script>alert(1)</script>"}, "is_result": True, "path": ""}],
    "phases": [], "dropped": {"stdout": 0, "stderr": 0}, "truncated": False, "state": "kept", "duration_ms": 5.0,
}  # fmt: skip


@dataclass
class FakeSandbox:
    available: bool = False
    sessions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    networks: dict[str, list[str]] = field(default_factory=dict)


def picture(id: str, path: str) -> Response:
    """One of the two files that call themselves pictures is one."""
    return Response(base64.b64decode(PICTURE) if path == "plot.png" else b"nothing")


def add_sandbox(app: FastAPI, fake: FakeSandbox) -> None:
    """The routes of the sandbox."""
    app.get("/api/v1/sandbox/sessions/{id}/files/{path}")(picture)

    @app.get("/api/v1/sandbox/status")
    def status() -> schemas.SandboxStatus:
        return schemas.SandboxStatus(
            adapter="docker" if fake.available else "off",
            available=fake.available,
            reason="" if fake.available else "No Docker engine answers.",
            languages=["python", "shell"] if fake.available else [],
            limits={"memory_bytes": 1 << 29, "work_bytes": 1 << 27, "run_seconds": 30},
            enforcement={"memory": "kernel"},
            detail="",
            not_held=["process_count"] if fake.available else [],
            missing=["matplotlib"] if fake.available else [],
            aliases={"py": "python", "bash": "shell", "sh": "shell"},
            network=schemas.SandboxNetworkOffer(hosts=fake.hosts, packages=bool(fake.hosts)),
        )

    @app.get("/api/v1/sandbox/sessions")
    def sessions() -> list[schemas.SandboxSessionView]:
        return [view(each) for each in fake.sessions]

    @app.post("/api/v1/sandbox/sessions", status_code=201)
    def create(body: schemas.SandboxSessionCreate) -> schemas.SandboxSessionView:
        name = f"{len(fake.sessions) + 1:032x}"
        fake.sessions[name] = []
        fake.networks[name] = list(body.network) if isinstance(body.network, list) else []
        return view(name)

    @app.delete("/api/v1/sandbox/sessions/{id}", status_code=204)
    def end(id: str) -> Response:
        del fake.sessions[id]
        return Response(status_code=204)

    @app.post("/api/v1/sandbox/sessions/{id}/runs")
    async def run(id: str, request: Request) -> Any:
        fake.sessions[id].append(await request.json())
        return ANSWER

    @app.get("/api/v1/sandbox/sessions/{id}/runs")
    def runs(id: str) -> Any:
        return [
            {"language": each["language"], "code": each["code"], "started_at": NOW, "reason": "finished",
             "exit_code": 0, "duration_ms": 5.0, "output": "hello"}
            for each in fake.sessions[id]
        ]  # fmt: skip

    @app.get("/api/v1/sandbox/sessions/{id}/network")
    def network(id: str) -> schemas.SandboxNetworkView:
        refused = schemas.SandboxNetworkRequestView(
            method="CONNECT", host="evil.test", port=443, address="", decision="refused", reason="not_allowed",
            sent=0, received=0, started_at=NOW, duration_ms=1,
        )  # fmt: skip
        return schemas.SandboxNetworkView(
            hosts=fake.networks[id], total=1, refused=1, sent=0, received=0, items=[refused]
        )

    @app.get("/api/v1/sandbox/sessions/{id}/files")
    def files(id: str) -> Any:
        return {
            "items": [{"path": "out.csv", "media_type": "text/csv", "size": 4, "modified_at": NOW}],
            "usage": {"memory_bytes": 1 << 26, "processes": 2, "file_bytes": 4096},
        }

    def view(name: str) -> schemas.SandboxSessionView:
        return schemas.SandboxSessionView(
            id=name, adapter="docker", language="python", languages=["python", "shell"], busy=False,
            run_count=len(fake.sessions[name]), created_at=NOW, last_used_at=NOW, expires_in_s=600,
            network=fake.networks[name],
        )  # fmt: skip
