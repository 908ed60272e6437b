"""Engines that confine code, for tests: one by CHATBOT_TEST_DOCKER_HOST, one by CHATBOT_TEST_BUBBLEWRAP.

CHATBOT_TEST_SANDBOX_IMAGE and CHATBOT_TEST_SANDBOX_ROOT name the image and the file system they use; what is not named
is what `devops-chatbot sandbox build` makes, and for jails this machine's own programs. CHATBOT_TEST_SANDBOX_RUNTIME
names another runtime of the engine, such as runsc.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.bubblewrap.adapter import BubblewrapConfig, BubblewrapSandbox
from sandbox.config import SandboxLimits
from sandbox.docker.adapter import DockerConfig, DockerSandbox
from sandbox.images.recipe import image_name
from sandbox.link import AgentLink
from sandbox.ports import Sandbox
from sandbox.types import CodeEvent, Finished, Output, RunRequest, SessionSpec, Shown

ADAPTERS = ("docker", "bubblewrap")
MEGABYTE = 1024 * 1024
LIMITS = SandboxLimits(
    memory_bytes=256 * MEGABYTE, processes=64, work_bytes=32 * MEGABYTE, work_files=500, temporary_bytes=16 * MEGABYTE
)


def engine_of(name: str, limits: SandboxLimits = LIMITS) -> Sandbox:
    """The adapter of this name; skips the test where its engine is not named."""
    if name == "docker":
        host = _named("CHATBOT_TEST_DOCKER_HOST")
        image = os.environ.get("CHATBOT_TEST_SANDBOX_IMAGE") or image_name()
        runtime = os.environ.get("CHATBOT_TEST_SANDBOX_RUNTIME", "")
        return DockerSandbox(DockerConfig(image=image, host=host, runtime=runtime, limits=limits))
    _named("CHATBOT_TEST_BUBBLEWRAP")
    root = os.environ.get("CHATBOT_TEST_SANDBOX_ROOT")
    return BubblewrapSandbox(BubblewrapConfig(root=Path(root) if root else None, limits=limits))


def _named(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        if os.environ.get("CHATBOT_TEST_NO_SKIP"):
            pytest.fail(f"{variable} is not set, and nothing may be skipped here.")
        pytest.skip(f"{variable} is not set")
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A run that is over."""

    events: Sequence[CodeEvent]

    @property
    def end(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last

    @property
    def stdout(self) -> str:
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        return self._text("stderr")

    @property
    def result(self) -> str | None:
        found = [each.data.get("text/plain") for each in self.events if isinstance(each, Shown) and each.is_result]
        return found[-1] if found else None

    def _text(self, stream: str) -> str:
        return "".join(each.text for each in self.events if isinstance(each, Output) and each.stream == stream)


class Lab:
    """An engine with a session at hand: the same one as long as it lives."""

    installation = "tests"

    def __init__(self, engine: Sandbox, owner: str = "lab") -> None:
        self.engine = engine
        self.owner = owner
        self._session: AgentLink | None = None

    async def session(self) -> AgentLink:
        if self._session is None or self._session.closed:
            self._session = await self.another()
        return self._session

    async def another(self) -> AgentLink:
        spec = SessionSpec(id=secrets.token_hex(16), owner=self.owner, installation=self.installation)
        opened = await self.engine.open(spec)
        assert isinstance(opened, AgentLink)
        return opened

    async def run(
        self,
        code: str,
        language: str = "python",
        *,
        timeout_s: float = 20.0,
        stdin: str = "",
        session: AgentLink | None = None,
    ) -> Outcome:
        session = session or await self.session()
        request = RunRequest(code=code, language=language, timeout_s=timeout_s, stdin=stdin)
        return Outcome(events=[event async for event in session.run(request)])

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self.engine.aclose()
