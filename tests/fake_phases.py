"""The phases of the scripted API: one of the product, one that lacks something, and those that a test writes."""

from __future__ import annotations

from difflib import unified_diff
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agents.phases.picture import dot, draw, mermaid
from agents.phases.reading import read, read_phase
from backend import schemas

PRODUCT = {
    "answer": ("Document Q&A", "文档问答", []),
    "team": ("Team", "团队", []),
    "coder": ("Code", "代码助手", ["sandbox"]),
}
TEXT = """\
name: answer
title: {en: Document Q&A, zh: 文档问答}
description: {en: Answers., zh: 回答。}
agents:
  answer: {kind: answer}
chains:
  - {name: answer, agents: [answer]}
"""


def add_phases(app: FastAPI, own: dict[str, list[str]]) -> None:  # noqa: C901 - a list of routes
    """The routes; `own` holds the versions of phases that were written."""

    @app.get("/api/v1/phases")
    def phases() -> Any:
        items = [_product(name) for name in PRODUCT] + [_own(name, texts) for name, texts in own.items()]
        return {"items": items, "next_cursor": None}

    @app.post("/api/v1/phases/check")
    async def check(request: Request) -> Any:
        body = await request.json()
        reading = read(body["text"])
        errors = [each.plain() for each in reading.findings if each.severity == "error"]
        warnings = [each.plain() for each in reading.findings if each.severity == "warning"]
        graph = _graph(body["text"]) if reading.definition is not None else None
        name = reading.definition.name if reading.definition is not None else None
        return {"ok": not errors, "name": name, "errors": errors, "warnings": warnings, "graph": graph}

    @app.post("/api/v1/phases", status_code=201)
    async def create(request: Request) -> Any:
        text = (await request.json())["text"]
        name = read_phase(text).name
        own[name] = [text]
        return _own(name, own[name])

    @app.get("/api/v1/phases/{name}")
    def phase(name: str) -> Any:
        if name in PRODUCT:
            return {**_product(name), "text": TEXT.replace("name: answer", f"name: {name}", 1)}
        return _own(name, own[name]) if name in own else _problem(404, "not_found", "There is no such phase.")

    @app.put("/api/v1/phases/{name}")
    async def change(name: str, request: Request) -> Any:
        body = await request.json()
        if body["version"] != len(own[name]):
            return _problem(409, "version_conflict", "It was saved meanwhile.")
        own[name].append(body["text"])
        return _own(name, own[name])

    @app.delete("/api/v1/phases/{name}", status_code=204)
    def delete(name: str) -> None:
        own.pop(name)

    @app.get("/api/v1/phases/{name}/graph")
    def graph(name: str) -> Any:
        return _graph(own[name][-1] if name in own else TEXT)

    @app.get("/api/v1/phases/{name}/versions")
    def versions(name: str) -> Any:
        count = len(own.get(name, ()))
        items = [
            {"version": number, "author_id": "local", "comment": f"save {number}", "created_at": "2026-01-02T03:04:05Z"}
            for number in range(count, 0, -1)
        ]
        return {"items": items, "next_cursor": None}

    @app.get("/api/v1/phases/{name}/diff")
    def diff(name: str, request: Request) -> Any:
        before, after = (own[name][int(request.query_params[each]) - 1].splitlines() for each in ("from", "to"))
        return {"from_version": 1, "to_version": 2, "diff": "\n".join(unified_diff(before, after, lineterm=""))}

    @app.post("/api/v1/phases/{name}/versions/{number}/rollback")
    def roll_back(name: str, number: int) -> Any:
        own[name].append(own[name][number - 1])
        return _own(name, own[name])


def _product(name: str) -> dict[str, Any]:
    english, chinese, missing = PRODUCT[name]
    return schemas.PhaseView(
        name=name, title=english, titles={"en": english, "zh": chinese}, description=f"{english}.",
        descriptions={"en": f"{english}.", "zh": f"{chinese}。"}, requires=missing, available=not missing,
        missing=missing, reason="Something is missing." if missing else "", is_default=name == "answer",
    ).model_dump(mode="json")  # fmt: skip


def _own(name: str, texts: list[str]) -> dict[str, Any]:
    title = read_phase(texts[-1]).title
    return schemas.PhaseDetail(
        name=name, title=title.en, titles={"en": title.en, "zh": title.zh}, built_in=False, version=len(texts),
        text=texts[-1], editable=True,
    ).model_dump(mode="json")  # fmt: skip


def _graph(text: str) -> dict[str, str]:
    picture = draw(read_phase(text))
    return {"mermaid": mermaid(picture), "dot": dot(picture)}


def _problem(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"code": code, "detail": detail}, status)
