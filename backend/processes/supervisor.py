"""Runs the processes of one installation: starts them, starts again what dies, stops all of them and theirs."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO

from backend.errors import BackendError
from backend.processes.endings import SIGKILL, Ending, killed_for_memory
from backend.processes.parent_death import wrapped

LOOK_EVERY_S = 0.2
PREPARED_LOOK_S = 0.05
STOP_WITHIN_S = 6.0
STEADY_AFTER_S = 10.0
LONGEST_PAUSE_S = 8.0


class PortTaken(BackendError):
    code = "port_taken"


class CannotListen(BackendError):
    code = "cannot_listen"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSpec:
    """A process to keep running. `url` answers once it is ready; empty: it is ready as soon as it runs."""

    name: str
    command: tuple[str, ...]
    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def check_port(host: str, port: int, option: str) -> int:
    """The port, or a free one for 0. Raises PortTaken or CannotListen naming the option that chooses another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"Port {port} on {host} is in use; choose another with {option}.") from None
            raise CannotListen(f"Cannot listen on {host}:{port} ({error.strerror}); see {option} and --host.") from None
        return int(listener.getsockname()[1])


class _Child:
    """One supervised process: its present life, and how long to wait before the next."""

    def __init__(self, spec: ChildSpec, write: Callable[[str], None], on_end: Callable[[Ending], None]) -> None:
        self.spec = spec
        self.ready = False
        self._write = write
        self._on_end = on_end
        self._killed_before = 0
        self._process: subprocess.Popen[str] | None = None
        self._pump: threading.Thread | None = None
        self._started = 0.0
        self._pause = 0.0
        self._again_at = 0.0

    def start(self) -> None:
        self._started = time.monotonic()
        self._killed_before = killed_for_memory()
        self._process = subprocess.Popen(
            wrapped(self.spec.command),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._pump = threading.Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._pump.start()

    def look(self) -> None:
        """Notices a death, and starts the process again when its pause is over."""
        if self._process is None:
            if time.monotonic() >= self._again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            self.ready = self.ready or not self.spec.url or _answers(self.spec.url)
            return
        self.kill()  # what it started itself must not outlive it
        steady = time.monotonic() - self._started > STEADY_AFTER_S
        self._pause = 0.0 if steady else min(LONGEST_PAUSE_S, max(0.5, self._pause * 2))
        self._again_at = time.monotonic() + self._pause
        self._process = None
        ending = self._ending(code)
        self._write(f"{self.spec.name} ended ({ending.reason}); it is started again in {self._pause:g} s.")
        self._on_end(ending)

    def _ending(self, code: int) -> Ending:
        """How it ended. One ended by SIGKILL while the system killed for want of memory was one of those, most likely:
        the kernel does not say whom."""
        return Ending(
            name=self.spec.name,
            at=datetime.now(UTC),
            lived_s=time.monotonic() - self._started,
            code=code,
            for_memory=code == -SIGKILL and killed_for_memory() > self._killed_before,
        )

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stopped(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Ends the process and everything in its session, at once."""
        if self._process is None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._pump is not None:
            self._pump.join(timeout=1)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _copy(self, lines: IO[str]) -> None:
        with contextlib.suppress(ValueError):  # closed under us when the process is killed
            for line in lines:
                self._write(f"{self.spec.name:<6} | {line.rstrip()}")


class _HeldLines:
    """Lines that are written once it is known that they matter."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._held: list[str] | None = []
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        with self._lock:
            if self._held is None:
                self._write(line)
            else:
                self._held.append(line)

    def release(self) -> None:
        """Writes those that were held, and from now on each as it comes."""
        with self._lock:
            for line in self._held or ():
                self._write(line)
            self._held = None


class Supervisor:
    """Keeps the children running until told to stop. `on_ready` is called once, when all of them have answered;
    `on_end` for each end of one that nobody had asked for.

    `preparation` is a command that has to end well for them to be of use. It runs beside them, for each waits by itself
    for what it needs of it; what they say is shown once it has ended well.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        on_ready: Callable[[], None],
        preparation: Sequence[str] = (),
        on_end: Callable[[Ending], None] = lambda ending: None,
        write: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
    ) -> None:
        self._lines = _HeldLines(write)
        self._children = [_Child(spec, self._lines, on_end) for spec in specs]
        self._preparation = tuple(preparation)
        self._on_ready = on_ready
        self._stop = threading.Event()
        self._signals = 0

    def run(self) -> bool:
        """Starts all, returns when all have stopped: False when that was because the preparation failed, whose output
        says why. SIGINT, SIGTERM and SIGHUP stop it; a second one kills."""
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        preparing = subprocess.Popen(wrapped(self._preparation)) if self._preparation else None
        try:
            for child in self._children:
                child.start()
            return self._prepared(preparing) and self._watch()
        finally:
            self._end_all(preparing)
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        self._stop.set()

    def _prepared(self, preparing: subprocess.Popen[bytes] | None) -> bool:
        """Waits for the end of the preparation, or until told to stop. Whether it did not fail."""
        while preparing is not None and preparing.poll() is None:
            if self._stop.wait(PREPARED_LOOK_S):
                return True
        if preparing is not None and preparing.returncode:
            return False
        self._lines.release()
        return True

    def _watch(self) -> bool:
        announced = False
        while not self._stop.wait(LOOK_EVERY_S):
            for child in self._children:
                child.look()
            if not announced and all(child.ready for child in self._children):
                announced = True
                self._on_ready()
        return True

    def _end_all(self, preparing: subprocess.Popen[bytes] | None) -> None:
        if preparing is not None and preparing.poll() is None:
            preparing.terminate()
            preparing.wait()
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_WITHIN_S
        while time.monotonic() < deadline and self._signals < 2:
            if all(child.stopped() for child in self._children):
                break
            time.sleep(0.05)
        for child in self._children:
            child.kill()

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1
        self._stop.set()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status < 400)
    except (urllib.error.URLError, OSError, ValueError):
        return False
