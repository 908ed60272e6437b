"""An API of the same shape as ours with scripted runs and no engine behind it, for tests of the interface alone."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from agents.events import (
    AgentFinished,
    AgentStarted,
    ApprovalDecided,
    ApprovalRequested,
    BudgetExceeded,
    Cited,
    PlanStep,
    PlanUpdated,
    Retrieved,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    RunWaiting,
    StepFinished,
    StepStarted,
    TextDelta,
    Thought,
    ToolCalled,
    ToolFinished,
    UsageReported,
    encode_event,
)
from agents.evidence import Citation, Evidence, RetrievedHit
from backend import schemas
from tests.fake_phases import add_phases
from tests.fake_sandbox import FakeSandbox, add_sandbox
from tests.fake_tools import FakeTools, add_tools

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT = "# Runbook\n\n## Roll back\n\nRun `kubectl rollout undo deployment/web`.\nThen watch the pods.\n"
QUOTE = "Run `kubectl rollout undo deployment/web`."
START = TEXT.index(QUOTE)
ANSWER = f"{QUOTE} [1]\n\nAfter that watch the pods. [1]\n\n![spy](http://spy.example/pixel.png)"
COOKIE_VALUE = "good-session"
TOKEN = "sesame"


CHART = {"x": "time", "series": [{"name": "restarts", "points": [[1_700_000_000, 1], [1_700_000_060, 2]]}]}


@dataclass
class FakeApi:
    """Its state may be looked at and changed by tests. `silent` keeps runs from going on after retrieval; `document` is
    the text of every document, None once they are deleted."""

    token_required: bool = False
    slow: bool = False
    ended: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    fails: bool = False
    document: str | None = TEXT
    silent: threading.Event = field(default_factory=threading.Event)
    bases: dict[str, dict[str, Any]] = field(default_factory=dict)
    threads: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    phases: dict[str, list[str]] = field(default_factory=dict)
    asks: ApprovalRequested | None = None
    """What agents ask before they go on; with it, runs are done by agents."""
    ends_between_looks: str = ""
    """The run that ends right after it was looked at for the first time."""
    decisions: list[dict[str, Any]] = field(default_factory=list)
    tools: FakeTools = field(default_factory=FakeTools)
    uploads: list[tuple[str, str, bytes]] = field(default_factory=list)
    sources: list[tuple[str, str, str]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    """Paths of the server that are not there."""
    acts: list[tuple[str, list[str]]] = field(default_factory=list)
    """What was done with several documents at once."""
    sandbox: FakeSandbox = field(default_factory=FakeSandbox)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> str:
        return f"{next(self.numbers):032x}"

    def add_base(self, name: str, documents: int = 1) -> str:
        base_id = self.new_id()
        self.bases[base_id] = {
            "id": base_id, "name": name, "description": "", "embedders": ["fast"], "next_embedders": None,
            "document_count": documents, "failed_count": 0, "chunk_count": documents * 2,
            "indexes": [{"name": "words", "done": documents, "total": documents}],
            "active_job_id": None, "created_at": NOW, "updated_at": NOW,
        }  # fmt: skip
        return base_id

    def add_job(self, base_id: str, kind: str, status: str, **more: Any) -> str:
        job_id = self.new_id()
        self.jobs[job_id] = {
            "id": job_id, "kind": kind, "knowledge_base_id": base_id, "status": status, "stuck": False,
            "stages": [{"name": "parsed", "done": 3, "total": 10, "failed": 1, "rate": 2.5, "eta_s": 3.0}],
            "error": "", "failures": [], "failure_count": 0, "result": {}, "attempt": 1, "created_at": NOW,
            "started_at": NOW, "finished_at": None if status in ("queued", "running") else NOW, "heartbeat_at": NOW,
            **more,
        }  # fmt: skip
        return job_id

    def add_message(self, thread_id: str, role: str, text: str, parent_id: str | None, **more: Any) -> dict[str, Any]:
        message = {
            "id": self.new_id(), "thread_id": thread_id, "parent_id": parent_id, "role": role, "text": text,
            "run_id": None, "status": "finished", "mode": None, "model": "", "verdict": None,
            "answered": None, "error": "",
            "citations": [], "uncited": [], "nearest": [], "feedback": None, "created_at": NOW, **more,
        }  # fmt: skip
        self.messages[thread_id].append(message)
        self.threads[thread_id]["message_count"] += 1
        return message

    def add_thread(self, title: str = "", bases: list[str] | None = None) -> str:
        thread_id = self.new_id()
        self.threads[thread_id] = {
            "id": thread_id, "title": title, "knowledge_bases": bases or [], "message_count": 0,
            "active_run_id": None, "created_at": NOW, "updated_at": NOW,
        }  # fmt: skip
        self.messages[thread_id] = []
        return thread_id

    def add_run(self, thread_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """What POST /threads/{id}/runs does: a question (unless regenerated) and a running answer below it."""
        if body.get("regenerate"):
            parent = body["parent_id"]
        else:
            edited = next((m for m in self.messages[thread_id] if m["id"] == body.get("edit_of")), None)
            newest = self.messages[thread_id][-1]["id"] if self.messages[thread_id] else None
            above = edited["parent_id"] if edited else body.get("parent_id") or newest
            parent = self.add_message(thread_id, "user", body["input"], above)["id"]
            self.threads[thread_id]["title"] = self.threads[thread_id]["title"] or body["input"][:80]
        run_id = self.new_id()
        mode = "extractive" if body.get("model") in (None, "none") else "model"
        answer = self.add_message(thread_id, "assistant", "", parent, run_id=run_id, status="running")
        self.runs[run_id] = {
            "id": run_id, "thread_id": thread_id, "message_id": answer["id"], "user_message_id": parent,
            "phase": "answer", "status": "running", "mode": mode,
            "model": "" if mode == "extractive" else body["model"],
            "error": "", "attempt": 1, "last_event_id": 0, "created_at": NOW, "finished_at": None,
            "asked": body, "events": self.script(run_id, mode), "cancelled": threading.Event(),
        }  # fmt: skip
        if self.asks is not None:
            self.runs[run_id] |= {"phase": "team", "events": self.work(run_id), "asks": self.asks}
        return self.runs[run_id]

    def work(self, run_id: str) -> list[RunEvent]:
        """The first attempt of a run that is done by agents: it ends with what they ask."""
        assert self.asks is not None
        table = {"columns": ["pod", "restarts"], "rows": [["web-1", 7], ["web-2", 0]]}
        return [
            RunStarted(run_id=run_id, thread_id="", phase="team", question="Restart web", mode="model", model="m"),
            AgentStarted(agent="planner", role="planner", step_id="a1", title="Planner"),
            PlanUpdated(steps=(PlanStep(id="1", text="Look at the pods", status="running"),
                               PlanStep(id="2", text="Restart web")), step_id="a1"),
            UsageReported(input_tokens=100, output_tokens=20, step_id="a1"),
            AgentFinished(agent="planner", step_id="a1", result="done", duration_ms=900.0),
            AgentStarted(agent="worker", role="executor", step_id="a2", title="Worker"),
            Thought(text="I look at the pods *first*.", agent="worker", step_id="a2"),
            ToolCalled(id="c1", tool="list_pods", arguments={"namespace": "prod"}, risk="read", step_id="a2"),
            ToolFinished(id="c1", tool="list_pods", status="succeeded", summary="2 pods", output="2 pods",
                         view="table", data=table, duration_ms=40.0, step_id="a2"),
            PlanUpdated(steps=(PlanStep(id="1", text="Look at the pods", status="done"),
                               PlanStep(id="2", text="Restart web", status="running")), step_id="a1"),
            self.asks,
            RunWaiting(asked={"approval_id": self.asks.approval_id}),
        ]  # fmt: skip

    def decided(self, run: dict[str, Any], body: dict[str, Any]) -> None:
        """The second attempt of a run that waited."""
        asks: ApprovalRequested = run["asks"]
        arguments = body.get("arguments") or asks.arguments
        approved = body["decision"] == "approve"
        said = "Restarted." if approved else "Not restarted."
        run["events"] = [
            *run["events"],
            ApprovalDecided(approval_id=asks.approval_id, decision=body["decision"], arguments=arguments,
                            comment=body.get("comment", ""), decided_by="local"),
            RunStarted(run_id=run["id"], thread_id="", phase="team", question="Restart web", mode="model", model="m",
                       attempt=2),
            AgentStarted(agent="worker", role="executor", step_id="a2", title="Worker"),
            ToolCalled(id="c2", tool="restart", arguments=arguments, risk="write", step_id="a2"),
            ToolFinished(id="c2", tool="restart", status="succeeded" if approved else "denied", summary=said,
                         output=said, view="chart", data=CHART, duration_ms=80.0, step_id="a2"),
            AgentFinished(agent="worker", step_id="a2", duration_ms=1500.0),
            UsageReported(input_tokens=50, output_tokens=5, step_id="a2"),
            BudgetExceeded(limit="steps", used=3, allowed=3, message="Three steps were allowed."),
            TextDelta(text=said),
            Cited(citations=()),
            RunFinished(text=said, verdict="answered", mode="model", duration_ms=2500.0),
        ]  # fmt: skip
        run["status"] = "running"
        self.message_of(run)["status"] = "running"
        self.threads[run["thread_id"]]["waiting"] = False

    def message_of(self, run: dict[str, Any]) -> dict[str, Any]:
        return next(m for m in self.messages[run["thread_id"]] if m["id"] == run["message_id"])

    def script(self, run_id: str, mode: str) -> list[RunEvent]:
        """The events of a run; the last one ends it."""
        base, document = next(iter(self.bases), "b"), "d" * 32
        where = {"document_id": document, "path": "runbook.md", "title": "Runbook", "heading_path": ("Roll back",)}
        span = {"start": START, "end": START + len(QUOTE)}
        second = ANSWER.index("After")
        cited = [
            Citation(number=1, knowledge_base_id=base, url="", anchor="", quote=QUOTE, answer_start=0,
                     answer_end=len(QUOTE) + 4, support=1.0, supported=True, **where, **span),
            Citation(number=1, knowledge_base_id=base, url="", anchor="", quote=QUOTE, answer_start=second,
                     answer_end=second + 30, support=0.1, supported=False, **where, **span),
        ]  # fmt: skip
        hit = RetrievedHit(rank=1, chunk_id=7, text=QUOTE, score=0.9, parts={"words": 0.8, "fast": 0.7}, dropped="",
                           passage=1, **where, **span)  # fmt: skip
        lost = RetrievedHit(rank=2, chunk_id=8, text="other", score=0.2, parts={"words": 0.1}, passage=None,
                            dropped="below the first results", start=0, end=5, **where)  # fmt: skip
        passage = Evidence(number=1, knowledge_base_id=base, url="", anchor="", text=QUOTE, score=0.9, **where, **span)
        if self.fails:
            end: list[RunEvent] = [RunFailed(code="model_unavailable", message="The model at x does not answer.")]
        else:
            words = [ANSWER[at : at + 9] for at in range(0, len(ANSWER), 9)]
            end = [
                *(TextDelta(text=word) for word in words),
                Cited(citations=tuple(cited), uncited=((second, second + 26),) if mode == "model" else ()),
                RunFinished(text=ANSWER, verdict="answered", mode=mode, duration_ms=321.0),  # type: ignore[arg-type]
            ]
        return [
            RunStarted(run_id=run_id, thread_id="", phase="answer", question="q", mode=mode, model=""),  # type: ignore[arg-type]
            StepStarted(step="retrieve"),
            Retrieved(query="roll back", language="en", hits=(hit, lost), passages=(passage,)),
            StepFinished(step="retrieve", duration_ms=12.0),
            StepStarted(step="answer"),
            *end,
        ]

    def end(self, run: dict[str, Any], event: RunEvent) -> None:
        """What the backend stores with the last event of a run."""
        message = self.message_of(run)
        message["phase"] = run["phase"]
        if isinstance(event, RunWaiting):
            message |= {"status": "waiting", "mode": run["mode"]}
            self.threads[run["thread_id"]]["waiting"] = True
        elif isinstance(event, RunFinished):
            cited = next(each for each in run["events"] if isinstance(each, Cited))
            message |= {
                "status": "finished", "text": event.text, "mode": run["mode"], "model": run["model"],
                "verdict": event.verdict, "answered": event.answered,
                "citations": [schemas.CitationView.model_validate(each) for each in cited.citations],
                "uncited": list(cited.uncited),
            }  # fmt: skip
        elif isinstance(event, RunCancelled):
            message |= {"status": "cancelled", "text": "Run `kube", "mode": run["mode"]}
        elif isinstance(event, RunFailed):
            message |= {"status": "failed", "error": event.message, "error_code": event.code, "mode": run["mode"]}
        run["status"] = message["status"]


def make_app(fake: FakeApi) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        cookie = request.cookies.get("chatbot_session")
        stranger = cookie != COOKIE_VALUE or cookie in fake.ended
        if fake.token_required and stranger and request.url.path != "/api/v1/session":
            return problem(401, "token_required", "Send the token of this server.")
        return await call_next(request)  # type: ignore[no-any-return]

    @app.get("/api/v1/version")
    def version() -> Any:
        return {"name": "devops-chatbot", "version": "0", "api": "v1"}

    @app.delete("/api/v1/session", status_code=204)
    def end(request: Request) -> None:
        fake.ended.append(request.cookies["chatbot_session"])

    @app.post("/api/v1/session")
    async def session(request: Request) -> Response:
        if fake.slow:
            return problem(429, "too_many_attempts", "Wait.")
        fake.clients.append(request.headers.get("x-forwarded-for", ""))
        if (await request.json())["token"] != TOKEN:
            return problem(401, "token_required", "This is not the token.")
        response = Response(status_code=204)
        response.set_cookie("chatbot_session", COOKIE_VALUE)
        return response

    _add_knowledge(app, fake)
    _add_conversations(app, fake)
    _add_models(app, fake)
    fake.tools = add_tools(app)
    add_phases(app, fake.phases)
    add_sandbox(app, fake.sandbox)
    return app


def _add_knowledge(app: FastAPI, fake: FakeApi) -> None:  # noqa: C901 - a list of routes
    @app.get("/api/v1/knowledge-bases")
    def bases() -> schemas.Page[schemas.KnowledgeBaseView]:
        return page(schemas.KnowledgeBaseView, fake.bases.values())

    @app.post("/api/v1/knowledge-bases", status_code=201)
    async def create(request: Request) -> Any:
        name = (await request.json())["name"]
        if any(base["name"] == name for base in fake.bases.values()):
            return problem(409, "name_taken", f"The name {name!r} is taken.")
        return fake.bases[fake.add_base(name, documents=0)]

    @app.post("/api/v1/sources/check")
    async def check_source(request: Request) -> Any:
        asked = await request.json()
        if asked["location"] in fake.missing:
            return problem(422, "invalid_input", f"There is no folder {asked['location']}.")
        return asked

    @app.post("/api/v1/knowledge-bases/{kb}/documents/{action}", status_code=202)
    async def act_on_documents(kb: str, action: str, request: Request) -> Any:
        fake.acts.append((action, (await request.json())["ids"]))
        if action == "delete":
            return {"deleted": len(fake.acts[-1][1])}
        return {"job": fake.jobs[fake.add_job(kb, "build", "succeeded")]}

    @app.get("/api/v1/knowledge-bases/{kb}")
    def base(kb: str) -> Any:
        return fake.bases.get(kb) or problem(404, "not_found", "There is no such knowledge base.")

    @app.delete("/api/v1/knowledge-bases/{kb}", status_code=202)
    def delete(kb: str) -> Any:
        fake.bases.pop(kb)
        return {"job": fake.jobs[fake.add_job(kb, "delete_knowledge_base", "queued")]}

    @app.post("/api/v1/knowledge-bases/{kb}/documents", status_code=202)
    async def upload(kb: str, request: Request) -> Any:
        async with request.form() as form:
            for file in form.getlist("files"):
                fake.uploads.append((kb, file.filename, await file.read()))  # type: ignore[union-attr, arg-type]
        refused = [
            {"path": name, "code": "file_empty", "reason": "It is empty."} for _, name, data in fake.uploads if not data
        ]
        return {"job": fake.jobs[fake.add_job(kb, "build", "succeeded")], "refused": refused}

    @app.post("/api/v1/knowledge-bases/{kb}/sources", status_code=202)
    async def add_source(kb: str, request: Request) -> Any:
        fake.sources.append((kb, *(await request.json()).values()))
        return {"job": fake.jobs[fake.add_job(kb, "build", "succeeded")]}

    @app.get("/api/v1/knowledge-bases/{kb}/sources")
    @app.get("/api/v1/embedders")
    def nothing() -> Any:
        return {"items": [], "next_cursor": None}

    @app.get("/api/v1/knowledge-bases/{kb}/documents")
    def documents(kb: str, q: str = "") -> Any:
        items = [document(kb)] if fake.bases[kb]["document_count"] and q in "runbook.md" else []
        return {"items": items, "next_cursor": None}

    @app.get("/api/v1/knowledge-bases/{kb}/documents/{id}/content")
    def content(kb: str, id: str, format: str = "text") -> Any:
        if format == "original":
            return Response(b"the file", headers={"content-disposition": "attachment; filename=runbook.md"})
        if fake.document is None:
            return problem(404, "not_found", f"There is no document {id!r}.")
        chunks = [
            {"id": 7, "ordinal": 0, "heading_path": ["Runbook", "Roll back"], "anchor": "", "kind": "text",
             "language": "en", "page": "", "text": QUOTE, "start": START, "end": START + len(QUOTE)},
        ]  # fmt: skip
        return {"document": document(kb), "text": fake.document, "markup": "markdown", "chunks": chunks}

    @app.post("/api/v1/knowledge-bases/{kb}/search")
    async def search(kb: str, request: Request) -> Any:
        await request.json()
        named = {"id": "d" * 32, "knowledge_base_id": kb, "path": "runbook.md", "title": "Runbook", "url": ""}
        hit = {"document": named,
               "chunk_id": 7, "heading_path": ["Roll back"], "anchor": "", "text": QUOTE, "start": START,
               "end": START + len(QUOTE), "score": 0.9, "rank": 1, "parts": {"words": 0.8}, "dropped": ""}  # fmt: skip
        return {"hits": [hit], "language": "en", "degraded": [], "duration_ms": 1.5}

    @app.post("/api/v1/knowledge-bases/{kb}/evaluations", status_code=202)
    async def evaluate(kb: str, request: Request) -> Any:
        async with request.form() as form:
            await form["file"].read()  # type: ignore[union-attr]
        result = {
            "count": 2,
            "unanswerable_count": 0,
            "hit_at_1": 0.5,
            "hit_at_5": 0.75,
            "per_question": [{"id": "q1", "rank": None}],
        }
        return {"job": fake.jobs[fake.add_job(kb, "evaluate", "succeeded", result=result)]}

    @app.get("/api/v1/jobs")
    def jobs(knowledge_base: str = "", results: bool = True) -> schemas.Page[schemas.JobView]:
        newest = [job for job in reversed(list(fake.jobs.values())) if job["knowledge_base_id"] == knowledge_base]
        return page(schemas.JobView, newest if results else [{**job, "result": {}} for job in newest])

    @app.post("/api/v1/jobs/{id}/cancel", status_code=202)
    def cancel(id: str) -> Any:
        fake.jobs[id] |= {"status": "cancelled", "finished_at": NOW}
        return fake.jobs[id]


def _add_conversations(app: FastAPI, fake: FakeApi) -> None:  # noqa: C901 - a list of routes
    @app.get("/api/v1/threads")
    def threads(q: str = "", tag: str = "") -> schemas.Page[schemas.ThreadView]:
        found = [each for each in reversed(list(fake.threads.values())) if q.lower() in each["title"].lower()]
        found = [each for each in found if not tag or tag in each.get("tags", ())]
        return page(schemas.ThreadView, sorted(found, key=lambda each: not each.get("pinned")))

    @app.get("/api/v1/thread-tags")
    def tags() -> schemas.Page[schemas.TagView]:
        counts = Counter(tag for each in fake.threads.values() for tag in each.get("tags", ()))
        return page(schemas.TagView, [{"tag": tag, "count": count} for tag, count in sorted(counts.items())])

    @app.get("/api/v1/suggestions")
    def suggestions(
        knowledge_base: Annotated[list[str] | None, Query()] = None,
    ) -> schemas.Page[schemas.SuggestionView]:
        named = knowledge_base or list(fake.bases)
        found = [suggestion("How do I roll back?", each) for each in named if fake.bases[each]["document_count"]]
        return page(schemas.SuggestionView, found[:3])

    @app.get("/api/v1/messages/{id}/suggestions")
    def follow_ups(id: str) -> schemas.Page[schemas.SuggestionView]:
        return page(schemas.SuggestionView, [suggestion("What is a rollout?", "b" * 32)])

    @app.post("/api/v1/threads", status_code=201)
    async def create(request: Request) -> Any:
        return fake.threads[fake.add_thread(bases=(await request.json())["knowledge_bases"])]

    @app.get("/api/v1/threads/{id}")
    def thread(id: str) -> Any:
        return fake.threads.get(id) or problem(404, "not_found", "There is no such conversation.")

    @app.patch("/api/v1/threads/{id}")
    async def change(id: str, request: Request) -> Any:
        fake.threads[id] |= await request.json()
        return fake.threads[id]

    @app.delete("/api/v1/threads/{id}", status_code=204)
    def delete(id: str) -> None:
        fake.threads.pop(id)

    @app.get("/api/v1/threads/{id}/messages")
    def messages(id: str) -> schemas.Page[schemas.MessageView]:
        return page(schemas.MessageView, fake.messages[id])

    @app.post("/api/v1/threads/{id}/runs", status_code=202)
    async def start(id: str, request: Request) -> schemas.RunView:
        return schemas.RunView.model_validate(fake.add_run(id, await request.json()))

    @app.get("/api/v1/runs")
    def runs(query: str = "", phase: str = "", status: str = "", tool: str = "") -> Any:
        newest = reversed(list(fake.runs.values()))
        found = [
            run for run in newest
            if query.lower() in run["asked"]["input"].lower() and phase in ("", run["phase"])
            and status in ("", run["status"]) and (not tool or tool in str(run["events"]))
        ]  # fmt: skip
        return {"items": [run_row(run) for run in found], "next_cursor": None}

    @app.get("/api/v1/runs/{id}")
    def run(id: str) -> Any:
        if id not in fake.runs:
            return problem(404, "not_found", "There is no such run.")
        row = run_row(fake.runs[id])
        if fake.ends_between_looks == id and row["status"] == "running":
            fake.runs[id]["last_event_id"] = len(fake.runs[id]["events"])
            fake.end(fake.runs[id], fake.runs[id]["events"][-1])
        return row

    @app.post("/api/v1/runs/{id}/approvals/{approval}", status_code=202)
    async def decide(id: str, approval: str, request: Request) -> Any:
        if fake.runs[id]["status"] != "waiting":
            return problem(409, "not_waiting", "This has been decided already.")
        body = await request.json()
        fake.decisions.append(body)
        fake.decided(fake.runs[id], body)
        return run_row(fake.runs[id])

    @app.get("/api/v1/commands")
    def commands(prefix: str = "/") -> Any:
        rows = [("/help", "What can be done here", "read"), ("/restart ", "Restart", "write")]
        items = [
            {"text": text, "title": title, "usage": text.strip(), "risk": risk, "reason": ""}
            for text, title, risk in rows if text.startswith(prefix)
        ]  # fmt: skip
        return {"items": items, "next_cursor": None}

    @app.post("/api/v1/runs/{id}/cancel", status_code=202)
    def cancel(id: str) -> schemas.RunView:
        fake.runs[id]["cancelled"].set()
        return schemas.RunView.model_validate(fake.runs[id])

    @app.get("/api/v1/runs/{id}/events")
    async def events(id: str, last_event_id: int = Header(default=0)) -> Response:
        if id not in fake.runs:
            return problem(404, "not_found", "There is no such run.")
        return StreamingResponse(perform(fake, fake.runs[id], last_event_id), media_type="text/event-stream")

    @app.put("/api/v1/messages/{id}/feedback")
    async def feedback(id: str, request: Request) -> Any:
        body = await request.json()
        message = next(m for each in fake.messages.values() for m in each if m["id"] == id)
        message["feedback"] = body if body["rating"] else None
        return schemas.MessageView.model_validate(message)


def _add_models(app: FastAPI, fake: FakeApi) -> None:
    @app.get("/api/v1/models")
    def models() -> schemas.Page[schemas.ModelView]:
        return page(schemas.ModelView, fake.models.values())

    @app.post("/api/v1/models", status_code=201)
    async def create(request: Request) -> Any:
        body = await request.json()
        key = bool(body.pop("api_key", ""))
        model = {**body, "id": fake.new_id(), "has_api_key": key, "origin": "stored"}
        fake.models[model["id"]] = model
        return schemas.ModelView.model_validate(model)

    @app.patch("/api/v1/models/{id}")
    async def change(id: str, request: Request) -> Any:
        changes = await request.json()
        moved = changes.get("base_url", fake.models[id]["base_url"]) != fake.models[id]["base_url"]
        if moved and fake.models[id]["has_api_key"] and "api_key" not in changes:
            return problem(422, "key_needed", "Enter the key again.")
        if "api_key" in changes:
            changes["has_api_key"] = bool(changes.pop("api_key"))
        fake.models[id] |= changes
        return schemas.ModelView.model_validate(fake.models[id])

    @app.post("/api/v1/models/{id}/check")
    def check(id: str) -> schemas.ModelCheck:
        return schemas.ModelCheck(ok=True, message="It answers.", latency_ms=12.0)

    @app.delete("/api/v1/models/{id}", status_code=204)
    def delete(id: str) -> None:
        fake.models.pop(id)


async def perform(fake: FakeApi, run: dict[str, Any], after: int) -> AsyncIterator[str]:
    """Sends the scripted events after a number; a silent run waits after retrieval until it is cancelled."""
    number = 0
    while True:
        while number == len(run["events"]):  # it waits for a decision
            await asyncio.sleep(0.02)
        event, number = run["events"][number], number + 1
        while fake.silent.is_set() and number > 5 and not run["cancelled"].is_set():
            await asyncio.sleep(0.02)
        if run["cancelled"].is_set() and number > 5:
            event = RunCancelled(text="Run `kube")
        last = event.kind in ("run_finished", "run_failed", "run_cancelled")
        run["last_event_id"] = max(run["last_event_id"], number)
        if last or (event.kind == "run_waiting" and number == len(run["events"])):
            fake.end(run, event)
        if number > after:
            yield f"id: {number}\nevent: {event.kind}\ndata: {encode_event(event)}\n\n"
        if last:
            return


def run_row(run: dict[str, Any]) -> dict[str, Any]:
    view = schemas.RunView.model_validate(run).model_dump(mode="json")
    return {**view, "question": run["asked"].get("input", "")}


def document(kb: str) -> dict[str, Any]:
    return schemas.DocumentView(
        id="d" * 32, knowledge_base_id=kb, source_id="s" * 32, path="runbook.md", title="Runbook", url="",
        media_type="text/markdown", language="en", size=len(TEXT), content_hash="0", status="indexed", error="",
        warnings=[], metadata={}, chunk_count=1, created_at=NOW, updated_at=NOW,
    ).model_dump(mode="json")  # fmt: skip


def suggestion(question: str, base_id: str) -> dict[str, Any]:
    return {
        "question": question, "language": "en", "knowledge_base_id": base_id, "document_id": "d" * 32,
        "heading_path": ["Runbook", question],
    }  # fmt: skip


def page(view: Any, items: Any) -> Any:
    return schemas.Page(items=[view.model_validate(item) for item in items], next_cursor=None)


def problem(status: int, code: str, detail: str) -> Response:
    body = schemas.Problem(title=code, status=status, detail=detail, code=code).model_dump()
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
