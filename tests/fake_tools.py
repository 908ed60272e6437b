"""The tools of the scripted API: a kind of platform, connections and sources that a test makes, and two tools."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

WORDS = {"en": "Prometheus", "zh": "普罗米修斯"}
KIND = {
    "kind": "prometheus",
    "title": WORDS,
    "description": WORDS,
    "permissions": WORDS,
    "example_url": "http://p:9090",
    "auth": ["none", "bearer"],
}
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
TABLE = {"columns": ["job"], "rows": [["api"]]}


def tool(name: str, risk: str, policy: str) -> dict[str, Any]:
    return {"name": name, "title": name, "source": "prometheus", "risk": risk, "policy": policy, "parameters": SCHEMA}


class FakeTools:
    """What was made and called."""

    def __init__(self) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, str | None] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.changes: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.waiting: dict[str, Any] = {}
        self.tried = {"ok": False, "cause": "", "message": "p:9090 refused the connection", "place": "p:9090"}
        self.refused: dict[str, Any] = {}
        self.tools = [tool("prometheus_query", "read", "allow"), tool("prometheus_silence", "write", "ask")]
        self.result = {"status": "succeeded", "output": "x", "view": "table", "data": TABLE}


def add_tools(app: FastAPI) -> FakeTools:  # noqa: C901 - a list of routes
    """The routes; what they keep."""
    fake = FakeTools()

    def page(items: Any) -> dict[str, Any]:
        return {"items": list(items), "next_cursor": None}

    @app.get("/api/v1/connection-kinds")
    def kinds() -> Any:
        return page([KIND])

    @app.get("/api/v1/connections")
    def connections() -> Any:
        return page(fake.connections.values())

    @app.post("/api/v1/connections", status_code=201)
    async def connect(request: Request) -> Any:
        body = await request.json()
        if fake.refused:
            return JSONResponse({"code": "invalid_input", "detail": "English", **fake.refused}, 422)
        made = {
            "id": f"c{len(fake.connections)}",
            **body,
            "auth": {"kind": body["auth"]["kind"]},
            "given": body["auth"],
        }
        fake.connections[made["id"]] = made
        return made

    @app.post("/api/v1/connections/{id}/test")
    def test(id: str) -> Any:
        return {"latency_ms": None, **fake.tried}

    @app.patch("/api/v1/connections/{id}")
    async def change_connection(id: str, request: Request) -> Any:
        fake.changes.append(await request.json())
        return fake.connections[id]

    @app.delete("/api/v1/connections/{id}", status_code=204)
    def disconnect(id: str) -> Response:
        fake.connections.pop(id)
        return Response(status_code=204)

    @app.get("/api/v1/tool-sources")
    def sources() -> Any:
        return page(fake.sources.values())

    @app.post("/api/v1/tool-sources", status_code=201)
    async def add(request: Request) -> Any:
        made = {"id": f"s{len(fake.sources)}", **await request.json(), "tools": 2, "on": 1, "refused": 1, "changed": 1}
        fake.sources[made["id"]] = made
        return made

    @app.get("/api/v1/tool-sources/{id}/tools")
    def source_tools(id: str) -> Any:
        items = [{"name": "shop_get", "method": "GET", "path": "/x", "risk": "read", "state": "on"},
                 {"name": "shop_put", "method": "PUT", "path": "/x", "risk": "write", "state": "changed"}]  # fmt: skip
        return {"items": items, "refusals": [{"operation": "POST /y", "reason": "it takes a file"}], "total": 2}

    @app.patch("/api/v1/tool-sources/{id}")
    async def change(id: str, request: Request) -> Any:
        fake.changes.append(await request.json())
        return fake.sources[id]

    @app.get("/api/v1/tools")
    def tools() -> Any:
        return {"items": fake.tools, "problems": {"shop": "It cannot be read."}, "total": len(fake.tools)}

    @app.patch("/api/v1/tools/{name}")
    async def decide(name: str, request: Request) -> Any:
        fake.settings[name] = (await request.json())["policy"]
        return {}

    @app.post("/api/v1/tools/{name}/calls")
    async def call(name: str, request: Request) -> Any:
        body = await request.json()
        if body["dry_run"]:
            return {"status": "dry_run", "preview": {"request": f"GET http://p:9090/{body['arguments']['query']}"}}
        fake.calls.append((name, body["arguments"]))
        if name == "prometheus_silence":
            problem = {"detail": "This asks first.", "code": "approval_required", "approval_id": "a1", "round": 1}
            return JSONResponse({**problem, "arguments": body["arguments"]}, status_code=409)
        return fake.result

    @app.post("/api/v1/tools/approvals/{id}")
    async def decide_call(id: str, request: Request) -> Any:
        fake.waiting[id] = (await request.json())["decision"]
        return {"status": "succeeded", "output": "silenced"}

    @app.get("/api/v1/audit")
    def audit(request: Request) -> Any:
        asked = dict(request.query_params)
        fake.asked.append(asked)
        if asked.get("cursor") == "next":
            return page([{"tool": "prometheus_older", "status": "failed", "started_at": "2026-01-02T03:04:05Z"}])
        row = {"tool": "prometheus_query", "status": "succeeded", "user_id": "local", "origin": "rest",
               "decision": "allowed", "decided_by": "policy", "arguments": {"query": "up"}}  # fmt: skip
        return {"items": [row], "next_cursor": "next"}

    return fake
