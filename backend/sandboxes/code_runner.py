"""Code that agents run: the CodeRunner of their floor over the sessions of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.errors import AgentError
from agents.ports import CodeFile, CodeResult
from knowledge.types import Scope
from sandbox.errors import SandboxError
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Owner, Session
from sandbox.types import CodeEvent, Finished, Output, RunRequest, Shown


class CodeUnavailable(AgentError):
    """No sandbox can be had, or it refused; the message is the sandbox's."""

    code = "sandbox_unavailable"


class SandboxCodeRunner:
    """Sessions by the name of whoever uses them, opened at their first use and again when they have ended. Their
    network is the administrator's choice; no agent has a say in it."""

    def __init__(self, sessions: SessionService, network: Sequence[str] = ()) -> None:
        self._sessions = sessions
        self._network = network
        self._named: dict[tuple[Owner, str], Session] = {}
        self._opening = asyncio.Lock()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those of the image, as far as the engine has been asked; none where there is no sandbox."""
        return self._sessions.known_languages

    async def run(
        self, scope: Scope, session: str, code: str, *, language: str = "python", timeout_s: float | None = None
    ) -> CodeResult:
        """See `CodeRunner.run`. Calls for one session wait for each other."""
        limits = self._sessions.limits
        request = RunRequest(code=code, language=language, timeout_s=timeout_s or limits.run_seconds)
        try:
            found = await self._session(scope, session)
            while found.busy:
                await asyncio.sleep(0.05)
            events = [event async for event in self._sessions.run(found, request)]
        except SandboxError as error:
            raise CodeUnavailable(str(error)) from error
        return code_result(events)

    async def write_file(self, scope: Scope, session: str, path: str, content: bytes) -> None:
        """Raises AgentError for a path outside the session, and when there is no room."""
        try:
            await (await self._session(scope, session)).confined.put(path, content)
        except SandboxError as error:
            raise CodeUnavailable(str(error)) from error

    async def read_file(self, scope: Scope, session: str, path: str) -> bytes:
        """See `CodeRunner.read_file`."""
        try:
            return await (await self._session(scope, session)).confined.get(path)
        except SandboxError as error:
            raise CodeUnavailable(str(error)) from error

    async def _session(self, scope: Scope, name: str) -> Session:
        owner = Owner(workspace_id=scope.workspace_id, user_id=scope.user_id)
        async with self._opening:
            found = self._named.get((owner, name))
            if found is None or found.ended:
                found = self._named[owner, name] = await self._sessions.open(owner, network=self._network)
            for key in [key for key, each in self._named.items() if each.ended]:
                del self._named[key]
        return found


def code_result(events: Sequence[CodeEvent]) -> CodeResult:
    """What a run's events come to."""
    end = next(each for each in reversed(events) if isinstance(each, Finished))
    text = {
        stream: "".join(each.text for each in events if isinstance(each, Output) and each.stream == stream)
        for stream in ("stdout", "stderr")
    }
    results = [each for each in events if isinstance(each, Shown) and each.is_result]
    if end.state == "lost":
        text["stderr"] += "\n(The variables of the session are lost; its files are kept.)"
    return CodeResult(
        status=end.reason,
        stdout=text["stdout"],
        stderr=text["stderr"],
        result=str(results[-1].data.get("text/plain", "")) if results else "",
        exit_code=end.exit_code,
        files=tuple(CodeFile(path=each.path, media_type=each.media_type, size=each.size) for each in end.artifacts),
        duration_ms=end.duration_ms,
    )
