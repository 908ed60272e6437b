"""Containers, one a session: no network, no capability, a read-only root, folders in memory, a profile of ours."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.boot import COMMAND
from sandbox.config import DEFAULT_LIMITS, SandboxLimits
from sandbox.errors import SandboxUnavailable
from sandbox.link import AgentLink
from sandbox.seccomp.docker_profile import docker_profile
from sandbox.types import Availability, Enforcement, NotHeld, SessionSpec

if TYPE_CHECKING:
    from docker.api.client import APIClient

LABEL = "devops-chatbot.sandbox"
USER = "1000:1000"
NEVER_STARTED_AFTER_S = 30
CALL_SECONDS = 20
DEFAULT_HOST = "unix:///var/run/docker.sock"
CPU_PERIOD_US = 20_000
"""Short, so that a program that takes all of its share does not hold up the agent for long."""
IMAGE_LANGUAGES = "devops-chatbot.sandbox.languages"


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerConfig:
    """Where the engine is (empty: where DOCKER_HOST or the default socket says), and what it is to run."""

    image: str
    host: str = ""
    runtime: str = ""
    limits: SandboxLimits = DEFAULT_LIMITS


class DockerSandbox:
    """The port Sandbox on a Docker engine. The SDK is loaded at the first call, not before."""

    name = "docker"

    def __init__(self, config: DockerConfig) -> None:
        self._config = config
        self._client: APIClient | None = None
        self._about: dict[str, Any] | None = None

    async def probe(self) -> Availability:
        """See `Sandbox.probe`."""
        return await asyncio.to_thread(self._probe)

    def _probe(self) -> Availability:
        from docker.errors import DockerException, ImageNotFound

        try:
            about = self._engine().inspect_image(self._config.image)
            runtimes = self._info().get("Runtimes") or {}
        except ImageNotFound:
            reason = f"The engine has no image {self._config.image}; build it with: devops-chatbot sandbox build"
            return Availability(available=False, reason=reason)
        except (DockerException, OSError) as error:
            return Availability(available=False, reason=_no_engine(error))
        if self._config.runtime and self._config.runtime not in runtimes:
            return Availability(
                available=False,
                reason=f"The engine knows no runtime {self._config.runtime!r}; it has {', '.join(runtimes) or 'none'}.",
            )
        labels = (about.get("Config") or {}).get("Labels") or {}
        languages = tuple(filter(None, labels.get(IMAGE_LANGUAGES, "python,shell").split(",")))
        held = self._held()
        not_held: tuple[NotHeld, ...] = () if held["processes"] == "kernel" else ("process_count",)
        if self._config.runtime:  # a kernel of its own, which need not count what ours would
            held = {"memory": "watched", "processes": "none", "cpus": "none", "files": "kernel"}
            not_held = ("process_count", "file_count", "forbidden_calls", "hidden_agent")
        detail = f"{self._config.image}{', ' + self._config.runtime if self._config.runtime else ''}"
        return Availability(
            available=True,
            languages=languages,
            enforcement=held,
            detail=detail,
            not_held=not_held,
        )

    def _info(self) -> dict[str, Any]:
        """What the engine says of itself, asked once."""
        if self._about is None:
            self._about = dict(self._engine().info())
        return self._about

    def _held(self) -> dict[str, Enforcement]:
        """A rootless engine can hold only what its user was given; what is missing it says, and then ignores."""
        about = self._info()
        return {
            "memory": "kernel" if about.get("MemoryLimit", True) else "watched",
            "processes": "kernel" if about.get("PidsLimit", True) else "none",
            "cpus": "kernel" if about.get("CpuCfsQuota", True) else "none",
            "files": "kernel",
        }

    async def open(self, spec: SessionSpec) -> AgentLink:
        """See `Sandbox.open`."""
        from docker.errors import DockerException

        container: str | None = None
        writer: asyncio.StreamWriter | None = None
        try:
            container = await asyncio.shield(asyncio.to_thread(self._create, spec))
            stream = await asyncio.to_thread(self._attach, container)
            reader, writer = await asyncio.open_connection(sock=stream)
            await asyncio.to_thread(self._engine().start, container)
            await asyncio.to_thread(self._info)
            ender = _Ender(self._engine(), container)
            plain = asyncio.StreamReader()
            tasks = asyncio.create_task(_unpack(reader, plain))
            link = AgentLink(plain, writer, self._config.limits, ender.end, spec.network)
            ender.reading = tasks
            await link.start({"watch_memory": self._held()["memory"] == "watched"})
            return link
        except (DockerException, OSError) as error:
            if writer is not None:
                writer.close()
            if container is not None:
                await asyncio.to_thread(self._remove, container)
            raise SandboxUnavailable(f"The engine did not open a session: {_sentence(error)}") from None
        except asyncio.CancelledError:
            if writer is not None:
                writer.close()
            if container is not None:
                await asyncio.shield(asyncio.to_thread(self._remove, container))
            raise

    def _create(self, spec: SessionSpec) -> str:
        engine, limits = self._engine(), self._config.limits
        host = engine.create_host_config(
            auto_remove=True,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true", f"seccomp={docker_profile()}"],
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            pids_limit=limits.processes,
            cpu_period=CPU_PERIOD_US,
            cpu_quota=int(limits.cpus * CPU_PERIOD_US),
            oom_score_adj=500,
            shm_size=8 * 1024 * 1024,
            ipc_mode="private",
            tmpfs={
                "/work": _tmpfs(limits.work_bytes, limits.work_files, "exec"),
                "/tmp": _tmpfs(limits.temporary_bytes, limits.work_files, "noexec"),
            },
            log_config={"type": "none"},
            **({"runtime": self._config.runtime} if self._config.runtime else {}),
        )
        container = engine.create_container(
            self._config.image,
            list(COMMAND),
            entrypoint=[],
            user=USER,
            working_dir="/work",
            hostname="sandbox",
            stdin_open=True,
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work"},
            labels={
                LABEL: spec.installation,
                f"{LABEL}.owner": spec.owner,
                f"{LABEL}.session": spec.id,
                f"{LABEL}.created": str(int(time.time())),
            },
            host_config=host,
            network_disabled=True,
        )
        return str(container["Id"])

    def _attach(self, container: str) -> socket.socket:
        """The stream of the container's stdin, stdout and stderr as a socket of our own."""
        options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        taken = self._engine().attach_socket(container, options)
        plain = getattr(taken, "_sock", taken)
        stream = socket.socket(fileno=os.dup(plain.fileno()))
        stream.setblocking(False)
        taken.close()
        plain.close()
        return stream

    def _remove(self, container: str) -> None:
        from docker.errors import APIError

        with suppress(APIError):  # gone, or going
            self._engine().remove_container(container, force=True)

    async def reap(self, living: Collection[str], installation: str) -> int:
        """See `Sandbox.reap`."""
        from docker.errors import DockerException

        try:
            return await asyncio.to_thread(self._reap, frozenset(living), installation)
        except (DockerException, OSError):
            return 0

    def _reap(self, living: Collection[str], installation: str) -> int:
        found = self._engine().containers(all=True, filters={"label": f"{LABEL}={installation}"})
        removed = 0
        for each in found:
            labels, age = each["Labels"], time.time() - each["Created"]
            never_started = each["State"] == "created" and age > NEVER_STARTED_AFTER_S
            if labels.get(f"{LABEL}.owner") not in living or never_started or each["State"] in ("exited", "dead"):
                self._remove(each["Id"])
                removed += 1
        return removed

    async def aclose(self) -> None:
        """See `Sandbox.aclose`."""
        if self._client is not None:
            self._client.close()
            self._client = self._about = None

    def _engine(self) -> APIClient:
        if self._client is None:
            _knock(self._config.host)
            from docker.api.client import APIClient
            from docker.utils import kwargs_from_env

            given = {"base_url": self._config.host} if self._config.host else kwargs_from_env()
            self._client = APIClient(**given, version="auto", timeout=CALL_SECONDS, num_pools=20)
        return self._client


class _Ender:
    """Ends one container, once, and remembers what the engine said of its end."""

    def __init__(self, engine: APIClient, container: str) -> None:
        self._engine = engine
        self._container = container
        self._ended: asyncio.Task[str] | None = None
        self.reading: asyncio.Task[None] | None = None

    async def end(self) -> str:
        if self._ended is None:
            self._ended = asyncio.create_task(self._end())
        return await asyncio.shield(self._ended)

    async def _end(self) -> str:
        why = await asyncio.to_thread(self._remove)
        if self.reading is not None:
            self.reading.cancel()
        return why

    def _remove(self) -> str:
        from docker.errors import DockerException

        why = ""
        try:
            state = self._engine.inspect_container(self._container)["State"]
            why = "memory" if state.get("OOMKilled") else ""
            self._engine.remove_container(self._container, force=True)
        except (DockerException, OSError):
            pass  # it removes itself when it ends
        return why


async def _unpack(packed: asyncio.StreamReader, plain: asyncio.StreamReader) -> None:
    """What the container writes to its stdout, out of the engine's frames of stdout and stderr."""
    try:
        while True:
            head = await packed.readexactly(8)
            size = int.from_bytes(head[4:], "big")
            while size > 0:
                part = await packed.read(min(size, 65536))
                if not part:
                    return
                size -= len(part)
                if head[0] == 1:
                    plain.feed_data(part)
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        plain.feed_eof()


def engine_answers(host: str) -> bool:
    """Whether something listens where the engine should be."""
    try:
        _knock(host)
    except OSError:
        return False
    return True


def _knock(host: str) -> None:
    """Raises OSError where no engine listens on a socket of this machine: then the SDK is not even loaded."""
    address = host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(CALL_SECONDS)
            knocking.connect(address.removeprefix("unix://"))


def _tmpfs(size: int, files: int, execution: str) -> str:
    return f"rw,nosuid,nodev,{execution},size={size},nr_inodes={files},uid=1000,gid=1000,mode=0700"


def _no_engine(error: Exception) -> str:
    return (
        f"No Docker engine answers ({_sentence(error)}). Install Docker and start it, or name one with "
        "CHATBOT_SANDBOX__DOCKER_HOST."
    )


def _sentence(error: Exception) -> str:
    text = getattr(error, "explanation", None) or str(error)
    return " ".join(str(text).split())[:300]
