"""The agent: first process of a container or jail. It starts what the host asks for, watches limits, reads output.

It speaks frames over its own stdin and stdout: two lengths (JSON, payload; big-endian), the JSON head, the payload. The
code it runs never has these descriptors: it writes to pipes that the agent reads, and the agent makes itself unreadable
to processes of its own user. When its stdin ends or stays silent, the host is gone, and the agent ends, which as the
first process of its namespace ends everything else.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import time
from typing import Any

from sandbox.inside.host_link import HostLink, read_exactly
from sandbox.inside.jail import confine
from sandbox.inside.memory import find_counter, memory_in_use
from sandbox.inside.places import HEAD
from sandbox.inside.processes import PR_SET_DUMPABLE, which
from sandbox.inside.relay import Relay
from sandbox.inside.runner import Runner
from sandbox.inside.transfers import Transfers

SILENT_HOST_S = 45.0
INTERRUPT_GRACE_S = 2.0
WATCH_S = 0.05


class Agent:
    """The loop over everything that may happen, and the clocks."""

    def __init__(self, link_in: int, link_out: int, config: dict[str, Any], worker_source: bytes) -> None:
        self._config = config
        self._selector = selectors.DefaultSelector()
        self._link = HostLink(link_in, link_out, self._selector)
        self._counter = find_counter()
        by_kernel = self._counter is not None and not config.get("watch_memory")
        self._watched = 0 if by_kernel else config["memory"]
        self._runner = Runner(self._link, self._selector, config, self._counter, worker_source)
        self._transfers = Transfers(self._link, config["max_file"])
        self._relay: Relay | None = None

    def serve(self) -> None:
        """Until the host goes away."""
        wake_in, wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        self._link.open(self._obey, self._runner.pipes.pause)
        self._selector.register(wake_in, selectors.EVENT_READ, lambda: os.read(wake_in, 4096))
        if network := self._config.get("network"):
            self._relay = Relay(self._selector, self._link, **network)
        found = sorted(name for name, path in self._config["languages"].items() if which(path))
        if "python" in found:
            self._runner.shell.start()
        self._link.send({"ev": "ready", "languages": found, "limits": "watched" if self._watched else "kernel"})
        while True:
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._runner.reap_children()
            self._check_clocks()
            self._transfers.pump()
            self._link.flush()

    def _patience(self) -> float:
        moments, run = [self._link.heard + SILENT_HOST_S], self._runner.run
        if run is not None:
            if run.deadline is not None:
                moments.append(run.deadline)
            if run.interrupted is not None:
                moments.append(run.interrupted + INTERRUPT_GRACE_S)
            if self._watched:
                moments.append(time.monotonic() + WATCH_S)
        return 0 if self._transfers.wait_for_room else max(0.0, min(moments) - time.monotonic())

    def _check_clocks(self) -> None:
        now, run = time.monotonic(), self._runner.run
        if now - self._link.heard > SILENT_HOST_S:
            os._exit(0)
        if run is None or run.reason is not None:
            return
        if run.deadline is not None and now >= run.deadline:
            self._runner.stop("timeout")
        elif run.interrupted is not None and now >= run.interrupted + INTERRUPT_GRACE_S:
            self._runner.stop("killed")
        elif self._watched and run.pid is not None and memory_in_use() > self._watched:
            self._runner.stop("memory")

    def _obey(self, asked: dict[str, Any], content: bytes) -> None:
        op = asked["op"]
        if op == "ping":
            self._link.send({"ev": "pong"})
        elif op == "run":
            self._runner.begin(asked, content)
        elif op == "interrupt":
            self._runner.interrupt()
        elif op == "cancel":
            self._runner.cancel(asked["id"])
        elif op == "network":
            if self._relay is not None:
                self._relay.obey(asked, content)
        else:
            self._transfers.manage(asked, content)


def main() -> None:
    """Take the descriptors of the link out of everybody's reach, then serve."""
    link_in, link_out = os.dup(0), os.dup(1)
    for fd in (link_in, link_out):
        os.set_inheritable(fd, False)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    head, payload = HEAD.unpack(read_exactly(link_in, HEAD.size))
    config = json.loads(read_exactly(link_in, head))
    worker_source = read_exactly(link_in, payload)
    confine(config)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for path, text in config.get("files", {}).items():
        with open(path, "x") as file:
            file.write(text)
    Agent(link_in, link_out, config, worker_source).serve()
