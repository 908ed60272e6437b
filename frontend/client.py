"""The API as functions. Every failure is an ApiError whose text is a sentence for the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import httpx2

from frontend.authentication.sessions import COOKIE
from frontend.sandbox.views import (
    SandboxFiles,
    SandboxLog,
    SandboxNetwork,
    SandboxRun,
    SandboxSession,
    SandboxStatus,
)
from frontend.views import (
    Command,
    Document,
    DocumentContent,
    DocumentPage,
    Embedder,
    Job,
    JobAccepted,
    KnowledgeBase,
    Message,
    Model,
    ModelCheck,
    Page,
    Phase,
    PhaseCheck,
    PhaseGraph,
    PhaseVersion,
    Run,
    SearchResponse,
    Source,
    Thread,
    decode,
)
from frontend.wire import ApiError, checked, open_connection, path_part, path_parts, read, sentences

__all__ = ["Api", "ApiError", "File", "open_connection", "path_part"]


View = TypeVar("View")
File = tuple[str, IO[bytes]]
"""A file to upload: its path, and where its bytes are read from."""

MOST_ITEMS = 500
PATIENCE_S = 5.0
"""How long a page waits for what it shows; whoever looks at it is told then."""


class Api:
    """The API as one browser session may use it; `cookie` proves who that is, where a token is asked for."""

    def __init__(self, connection: httpx2.Client, cookie: str = "") -> None:
        self._connection = connection
        self._headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}

    # --- knowledge bases

    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All of them, by name."""
        return list(self._pages(KnowledgeBase, "/knowledge-bases"))

    def knowledge_base(self, base_id: str) -> KnowledgeBase:
        return self._get(KnowledgeBase, f"/knowledge-bases/{path_part(base_id)}")

    def create_knowledge_base(self, name: str, embedders: Sequence[str] | None = None) -> KnowledgeBase:
        body: dict[str, Any] = {"name": name}
        if embedders:
            body["embedders"] = list(embedders)
        return self._send(KnowledgeBase, "POST", "/knowledge-bases", body)

    def change_knowledge_base(self, base_id: str, **changes: Any) -> KnowledgeBase:
        """`name`, `description`, `embedders`."""
        return self._send(KnowledgeBase, "PATCH", f"/knowledge-bases/{path_part(base_id)}", changes)

    def delete_knowledge_base(self, base_id: str) -> None:
        self._call("DELETE", f"/knowledge-bases/{path_part(base_id)}")

    def rebuild(self, base_id: str) -> JobAccepted:
        return self._send(JobAccepted, "POST", f"/knowledge-bases/{path_part(base_id)}/rebuild", None)

    def embedders(self) -> list[Embedder]:
        return list(self._pages(Embedder, "/embedders"))

    # --- documents and sources

    def upload(self, base_id: str, files: Sequence[File]) -> JobAccepted:
        """Streams the files to the API; those it refuses are named in `refused`."""
        parts = [("files", (name, content, "application/octet-stream")) for name, content in files]
        response = self._call("POST", f"/knowledge-bases/{path_part(base_id)}/documents", files=parts)
        return read(JobAccepted, response)

    def documents(
        self, base_id: str, *, words: str = "", status: str = "", cursor: str = "", limit: int = 50
    ) -> Page[Document]:
        query = {"limit": limit, "cursor": cursor, "q": words, "status": status}
        return self._get(Page[Document], f"/knowledge-bases/{path_part(base_id)}/documents", query)

    def content(self, base_id: str, document_id: str) -> DocumentContent:
        path = f"/knowledge-bases/{path_part(base_id)}/documents/{path_part(document_id)}/content"
        return self._get(DocumentContent, path, timeout=30.0)

    def document_page(self, base_id: str, document_id: str, number: int, start: int, end: int) -> DocumentPage:
        """A page of a PDF, counted from 1, and where on it the passage stands."""
        path = f"/knowledge-bases/{path_part(base_id)}/documents/{path_part(document_id)}/pages/{number}"
        return self._get(DocumentPage, path, {"start": start, "end": end}, timeout=30.0)

    def delete_document(self, base_id: str, document_id: str) -> None:
        self._call("DELETE", f"/knowledge-bases/{path_part(base_id)}/documents/{path_part(document_id)}")

    def sources(self, base_id: str) -> list[Source]:
        return list(self._pages(Source, f"/knowledge-bases/{path_part(base_id)}/sources"))

    def add_source(self, base_id: str, kind: str, location: str) -> JobAccepted:
        body = {"kind": kind, "location": location}
        return self._send(JobAccepted, "POST", f"/knowledge-bases/{path_part(base_id)}/sources", body)

    def sync_source(self, base_id: str, source_id: str) -> JobAccepted:
        path = f"/knowledge-bases/{path_part(base_id)}/sources/{path_part(source_id)}/sync"
        return self._send(JobAccepted, "POST", path, None)

    def delete_source(self, base_id: str, source_id: str) -> None:
        self._call("DELETE", f"/knowledge-bases/{path_part(base_id)}/sources/{path_part(source_id)}")

    def search(self, base_id: str, query: str, *, top_k: int = 10) -> SearchResponse:
        """Hits with their parts, and below them what was dropped and why."""
        body = {"query": query, "top_k": top_k, "explain": True}
        return self._send(SearchResponse, "POST", f"/knowledge-bases/{path_part(base_id)}/search", body)

    def evaluate(self, base_id: str, questions: File) -> Job:
        """Measures the base with a file of questions; the report is the job's `result`."""
        return self.send_file(JobAccepted, f"/knowledge-bases/{path_part(base_id)}/evaluations", questions).job

    # --- jobs

    def job(self, job_id: str) -> Job:
        return self._get(Job, f"/jobs/{path_part(job_id)}")

    def jobs(self, base_id: str, limit: int = 20, *, results: bool = True) -> list[Job]:
        """The newest jobs of a base; their results, which may be long, only where they are wanted."""
        asked = {"knowledge_base": base_id, "limit": limit, "results": str(results).lower()}
        return self._get(Page[Job], "/jobs", asked).items

    def cancel_job(self, job_id: str) -> Job:
        return self._send(Job, "POST", f"/jobs/{path_part(job_id)}/cancel", None)

    def retry_job(self, job_id: str) -> Job:
        return self._send(Job, "POST", f"/jobs/{path_part(job_id)}/retry", None)

    # --- conversations

    def threads(self, words: str = "", cursor: str = "", limit: int = 30, tag: str = "") -> Page[Thread]:
        return self._get(Page[Thread], "/threads", {"q": words, "cursor": cursor, "limit": limit, "tag": tag})

    def thread(self, thread_id: str) -> Thread:
        return self._get(Thread, f"/threads/{path_part(thread_id)}")

    def create_thread(self, knowledge_bases: Sequence[str]) -> Thread:
        return self._send(Thread, "POST", "/threads", {"knowledge_bases": list(knowledge_bases)})

    def change_thread(self, thread_id: str, **changes: Any) -> Thread:
        """`title`, `knowledge_bases`, `pinned`, `tags`."""
        return self._send(Thread, "PATCH", f"/threads/{path_part(thread_id)}", changes)

    def delete_thread(self, thread_id: str) -> None:
        self._call("DELETE", f"/threads/{path_part(thread_id)}")

    def export_thread(self, thread_id: str, form: str) -> bytes:
        """The conversation as `markdown` or `json`."""
        return self._call("GET", f"/threads/{path_part(thread_id)}/export", params={"format": form}).content

    def messages(self, thread_id: str) -> list[Message]:
        """The whole tree of a conversation, parents before their answers."""
        return list(self._pages(Message, f"/threads/{path_part(thread_id)}/messages"))

    # --- runs

    def start_run(self, thread_id: str, body: dict[str, Any]) -> Run:
        """`body` as RunCreate: input, model, parent_id, edit_of, regenerate, knowledge_bases, language."""
        return self._send(Run, "POST", f"/threads/{path_part(thread_id)}/runs", body)

    def run(self, run_id: str) -> Run:
        return self._get(Run, f"/runs/{path_part(run_id)}")

    def runs(
        self, *, words: str = "", phase: str = "", status: str = "", tool: str = "", cursor: str = "", limit: int = 50
    ) -> Page[Run]:
        """Runs that match all that is given, the newest first."""
        query = {"query": words, "phase": phase, "status": status, "tool": tool, "cursor": cursor, "limit": limit}
        return self._get(Page[Run], "/runs", query)

    def export_run(self, run_id: str) -> bytes:
        """The run with every event of it, as JSON."""
        return self._call("GET", f"/runs/{path_part(run_id)}/export").content

    def decide(self, run_id: str, approval_id: str, body: dict[str, Any]) -> None:
        """`body`: `decision` approve or reject, `arguments` as edited, `comment`, which also answers a question."""
        self._call("POST", f"/runs/{path_part(run_id)}/approvals/{path_part(approval_id)}", json=body)

    def artifact(self, artifact_id: str) -> bytes:
        """The content of a file that a run made."""
        return self._call("GET", f"/artifacts/{path_part(artifact_id)}").content

    def commands(self, prefix: str, language: str) -> list[Command]:
        """The commands that complete what is typed, with titles in a language."""
        return self._get(Page[Command], "/commands", {"prefix": prefix, "language": language}).items

    def cancel_run(self, run_id: str) -> Run:
        return self._send(Run, "POST", f"/runs/{path_part(run_id)}/cancel", None)

    @contextmanager
    def event_stream(self, run_id: str, after: int, silence_s: float) -> Iterator[httpx2.Response]:
        """The run's events after number `after`; a stream silent for longer than `silence_s` counts as broken."""
        headers = {**self._headers, "last-event-id": str(after), "accept": "text/event-stream"}
        timeout = httpx2.Timeout(10.0, read=silence_s)
        url = f"/runs/{path_part(run_id)}/events"
        with sentences(), self._connection.stream("GET", url, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                response.read()
            yield checked(response)

    def give_feedback(
        self, message_id: str, rating: str | None, reasons: Sequence[str] = (), comment: str = ""
    ) -> None:
        """`rating` up or down; None takes the feedback back."""
        body = {"rating": rating, "reasons": list(reasons), "comment": comment}
        self._call("PUT", f"/messages/{path_part(message_id)}/feedback", json=body)

    # --- phases

    def phases(self) -> list[Phase]:
        """Those of the product, then those of users."""
        return list(self._pages(Phase, "/phases"))

    def phase(self, name: str) -> Phase:
        """One with its text."""
        return self._get(Phase, f"/phases/{path_part(name)}")

    def create_phase(self, text: str, comment: str = "") -> Phase:
        return self._send(Phase, "POST", "/phases", {"text": text, "comment": comment})

    def change_phase(self, name: str, text: str, comment: str, version: int | None) -> Phase:
        """A new version, if `version` is still the newest."""
        body = {"text": text, "comment": comment, "version": version}
        return self._send(Phase, "PUT", f"/phases/{path_part(name)}", body)

    def delete_phase(self, name: str) -> None:
        self._call("DELETE", f"/phases/{path_part(name)}")

    def check_phase(self, text: str, name: str | None, language: str) -> PhaseCheck:
        """What is wrong with a text that is to change the phase `name`, or to be a new one; its picture if nothing."""
        path = f"/phases/check?language={language}"
        return self._send(PhaseCheck, "POST", path, {"text": text, "name": name})

    def phase_graph(self, name: str, language: str) -> PhaseGraph:
        return self._get(PhaseGraph, f"/phases/{path_part(name)}/graph", {"language": language})

    def phase_versions(self, name: str, limit: int = 50) -> list[PhaseVersion]:
        """The newest ones."""
        return self._get(Page[PhaseVersion], f"/phases/{path_part(name)}/versions", {"limit": limit}).items

    def phase_diff(self, name: str, before: int, after: int) -> str:
        """What changed between two versions, as a unified diff."""
        path = f"/phases/{path_part(name)}/diff"
        return str(self._call("GET", path, params={"from": before, "to": after}).json()["diff"])

    def roll_phase_back(self, name: str, version: int) -> Phase:
        return self._send(Phase, "POST", f"/phases/{path_part(name)}/versions/{version}/rollback", {})

    # --- models and evaluation

    def models(self) -> list[Model]:
        return list(self._pages(Model, "/models"))

    def create_model(self, **values: Any) -> Model:
        """`name`, `base_url`, `api_key`, `model`, `is_default`."""
        return self._send(Model, "POST", "/models", values)

    def change_model(self, model_id: str, **changes: Any) -> Model:
        return self._send(Model, "PATCH", f"/models/{path_part(model_id)}", changes)

    def delete_model(self, model_id: str) -> None:
        self._call("DELETE", f"/models/{path_part(model_id)}")

    def check_model(self, model_id: str) -> ModelCheck:
        return self._send(ModelCheck, "POST", f"/models/{path_part(model_id)}/check", None)

    # --- sandbox

    def sandbox_status(self) -> SandboxStatus:
        return self._get(SandboxStatus, "/sandbox/status")

    def sandbox_sessions(self) -> list[SandboxSession]:
        found = self._call("GET", "/sandbox/sessions").json()
        return [decode(SandboxSession, each) for each in found]

    def create_sandbox_session(self, network: list[str] | None = None) -> SandboxSession:
        return self._send(SandboxSession, "POST", "/sandbox/sessions", {"network": network or "off"})

    def sandbox_network(self, session_id: str) -> SandboxNetwork:
        return self._get(SandboxNetwork, f"/sandbox/sessions/{path_part(session_id)}/network")

    def end_sandbox_session(self, session_id: str) -> None:
        self._call("DELETE", f"/sandbox/sessions/{path_part(session_id)}")

    def run_in_sandbox(self, session_id: str, code: str, language: str) -> SandboxRun:
        body = {"code": code, "language": language}
        return self._send(SandboxRun, "POST", f"/sandbox/sessions/{path_part(session_id)}/runs", body)

    def sandbox_runs(self, session_id: str) -> list[SandboxLog]:
        found = self._call("GET", f"/sandbox/sessions/{path_part(session_id)}/runs").json()
        return [decode(SandboxLog, each) for each in found]

    def interrupt_sandbox(self, session_id: str) -> None:
        self._call("POST", f"/sandbox/sessions/{path_part(session_id)}/interrupt")

    def sandbox_files(self, session_id: str) -> SandboxFiles:
        return self._get(SandboxFiles, f"/sandbox/sessions/{path_part(session_id)}/files")

    def sandbox_file(self, session_id: str, path: str) -> bytes:
        return self._call("GET", f"/sandbox/sessions/{path_part(session_id)}/files/{path_parts(path)}").content

    def put_sandbox_file(self, session_id: str, path: str, content: bytes) -> None:
        self._call("PUT", f"/sandbox/sessions/{path_part(session_id)}/files/{path_parts(path)}", content=content)

    def version(self) -> str:
        return str(self._call("GET", "/version").json()["version"])

    # --- the wire

    def get(
        self, kind: type[View], path: str, query: dict[str, Any] | None = None, *, timeout: float = PATIENCE_S
    ) -> View:
        """What stands at a path, for rooms that have a client of their own over this one. Raises ApiError."""
        return self._get(kind, path, query, timeout=timeout)

    def download(self, path: str, query: dict[str, Any]) -> bytes:
        """What stands at a path, as it is. Raises ApiError."""
        return self._call("GET", path, params=query).content

    def send(self, kind: type[View], method: str, path: str, body: Any) -> View:
        """The answer to a change. Raises ApiError."""
        return self._send(kind, method, path, body)

    def send_file(self, kind: type[View], path: str, file: File, query: dict[str, Any] | None = None) -> View:
        """The answer to a file, which is streamed. Raises ApiError."""
        name, content = file
        part = {"file": (name, content, "application/octet-stream")}
        return read(kind, self._call("POST", path, files=part, params=query or {}))

    def delete(self, path: str) -> None:
        """Raises ApiError."""
        self._call("DELETE", path)

    def _get(
        self, kind: type[View], path: str, query: dict[str, Any] | None = None, *, timeout: float = PATIENCE_S
    ) -> View:
        given = {name: value for name, value in (query or {}).items() if value not in ("", None)}
        return read(kind, self._call("GET", path, params=given, timeout=timeout))

    def _send(self, kind: type[View], method: str, path: str, body: Any) -> View:
        return read(kind, self._call(method, path, **({} if body is None else {"json": body})))

    def _pages(self, kind: type[View], path: str) -> Iterable[View]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._get(Page[kind], path, {"limit": MOST_ITEMS, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next_cursor

    def _call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        with sentences():
            return checked(self._connection.request(method, path, headers=self._headers, **options))
