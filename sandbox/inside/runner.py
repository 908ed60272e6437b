"""Runs: begun, fed, stopped, and told of when they are over. One at a time."""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import suppress
from typing import Any

from sandbox.inside.files import Problem, changes, remove_beneath, snapshot, write_beneath
from sandbox.inside.host_link import HostLink
from sandbox.inside.memory import oom_kills
from sandbox.inside.pipes import Pipes
from sandbox.inside.places import CHUNK, RUN_FOLDER, WORK
from sandbox.inside.processes import exit_of, kill_everything, kill_others, memory_file, start
from sandbox.inside.python_shell import PythonShell
from sandbox.inside.runs import Run

MAX_SHOWN_TOTAL = 32 * 1024 * 1024


class Runner:
    """The run at work, the shell of the session, and the processes of other languages."""

    def __init__(
        self, link: HostLink, selector: selectors.BaseSelector, config: dict[str, Any], counter: str | None,
        worker_source: bytes,
    ) -> None:  # fmt: skip
        self._link = link
        self._config = config
        self._counter = counter
        self._shell_died = False
        self.pipes = Pipes(selector, self._take_output)
        self.shell = PythonShell(selector, self.pipes, config, worker_source, self._hear_shell)
        self.run: Run | None = None

    # --- what the host asks

    def begin(self, asked: dict[str, Any], content: bytes) -> None:
        """Start a run."""
        run = self.run = Run(asked, content, self._config["kept_output"])
        run.before = snapshot()
        run.kills = oom_kills(self._counter)
        if self.shell.pid is None and (run.python or self._shell_died):
            self.shell.start()
        self.pipes.discard()
        if not run.python:
            self._next_phase(run)
        elif self.shell.ready:
            self._ask_shell(run)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        run = self.run
        if run is None or run.pid is None or run.reason is not None or run.interrupted is not None:
            return
        run.interrupted = time.monotonic()
        with suppress(ProcessLookupError):
            (os.kill if run.python else os.killpg)(run.pid, signal.SIGINT)

    def cancel(self, run_id: int) -> None:
        """End this run, if it is the one at work."""
        if self.run is not None and self.run.id == run_id and self.run.reason is None:
            self.stop("killed")

    def stop(self, reason: str) -> None:
        """End the run for this reason with all its processes; what follows is seen when they are reaped."""
        run = self.run
        assert run is not None
        run.reason = reason
        if not run.python and run.pid is not None:
            self._kill_others()
            return
        kill_everything()
        if run.pid is None:
            run.lost = True
            self._finish(run, None, "")

    # --- how it goes on

    def _ask_shell(self, run: Run) -> None:
        run.pid = self.shell.pid
        run.deadline = time.monotonic() + run.timeout
        self.shell.ask(run)

    def _next_phase(self, run: Run) -> None:
        phase = run.phases.pop(0)
        run.phase = phase["name"]
        folder = os.path.join(WORK, RUN_FOLDER)
        try:
            os.makedirs(folder, exist_ok=True)
            write_beneath(folder, run.file, run.code)
        except (OSError, Problem) as error:
            self._feed(run, "stderr", f"The code cannot be stored: {error}\n".encode())
            run.reason = "error"
            self._finish(run, None, "")
            return
        stdin = memory_file(run.stdin if run.phase == "run" else b"")
        out_in, out = os.pipe2(os.O_CLOEXEC)
        err_in, err = os.pipe2(os.O_CLOEXEC)
        run.pid = start(phase["argv"], stdin, out, err, self._config)
        for fd in (stdin, out, err):
            os.close(fd)
        run.deadline = time.monotonic() + phase["timeout"]
        self.pipes.watch(out_in, "stdout", of_shell=False)
        self.pipes.watch(err_in, "stderr", of_shell=False)

    def _hear_shell(self, kind: str, payload: bytes) -> None:
        run = self.run
        if kind == "Y":
            self._link.send({"ev": "warm", "detail": payload.decode(errors="replace")[:100]})
            if run is not None and run.python and run.pid is None and run.reason is None:
                self._ask_shell(run)
            return
        if run is None or not run.python or run.reason is not None:
            return
        token, _, body = payload.partition(b"\n")
        if token != run.nonce.encode():
            return
        if kind == "A":
            run.accepted = True
        elif kind == "S":
            self._show(run, body)
        elif kind == "D":
            self._shell_is_done(run, body)

    def _show(self, run: Run, body: bytes) -> None:
        run.shown += len(body)
        if run.shown > MAX_SHOWN_TOTAL:
            self.stop("output_limit")
            return
        self.pipes.drain()
        self._link.send({"ev": "shown", "id": run.id, "nonce": run.nonce}, body)

    def _shell_is_done(self, run: Run, body: bytes) -> None:
        self.pipes.drain()
        if run.reason is not None:
            return
        code = int(body) if body.isdigit() and len(body) < 4 else 1
        self._settle(run, code, "")
        run.pid = None
        self._finish(run, code, "")

    # --- output

    def _take_output(self, name: str, of_shell: bool, data: bytes) -> None:
        """Output counts for the run that it belongs to; what a thread of Python writes between runs is nobody's."""
        if self.run is not None and self.run.python == of_shell:
            self._feed(self.run, name, data)

    def _feed(self, run: Run, name: str, data: bytes) -> None:
        now = run.streams[name].feed(data)
        if now:
            self._send_output(run, name, now, 0)
        if run.reason is None and run.written > self._config["max_output"]:
            self.stop("output_limit")

    def _send_output(self, run: Run, name: str, data: bytes, dropped: int) -> None:
        for at in range(0, len(data), CHUNK):
            head = {"ev": "output", "id": run.id, "nonce": run.nonce, "stream": name, "phase": run.phase}
            if dropped and at == 0:
                head["dropped"] = dropped
            self._link.send(head, data[at : at + CHUNK])

    # --- how it ends

    def reap_children(self) -> None:
        """Bury who has died, and draw the conclusions."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.shell.pid:
                self._shell_ended(pid, *exit_of(status))
            elif self.run is not None and pid == self.run.pid:
                self._phase_ended(self.run, *exit_of(status))

    def _shell_ended(self, pid: int, code: int, name: str) -> None:
        run = self.run
        if run is not None and pid == run.pid:
            self.pipes.drain()
        self.shell.forget()
        self._shell_died = True
        if run is None or not run.python:
            if run is not None:
                run.lost = True
            self.shell.start()
            return
        if not run.accepted and run.reason is None and run.tries < 2:
            run.pid, run.lost, run.tries = None, True, run.tries + 1  # it was dead before it was asked
            self.shell.start()
            return
        run.lost = True
        if run.pid is None:
            run.reason = run.reason or "killed"
        self._settle(run, code, name, shell_ended=True)
        self._finish(run, code, name)
        self.shell.start()

    def _phase_ended(self, run: Run, code: int, name: str) -> None:
        self.pipes.drain()
        self._kill_others()
        self._settle(run, code, name)
        self.pipes.close(of_shell=False)
        self._link.send({"ev": "phase", "id": run.id, "nonce": run.nonce, "phase": run.phase, "exit_code": code})
        if run.reason == "finished" and run.phases:
            run.reason = run.pid = None
            self._next_phase(run)
        else:
            self._finish(run, code, name)

    def _settle(self, run: Run, code: int, name: str, *, shell_ended: bool = False) -> None:
        """Why a run is over, unless that is known; a shell that ends under it is an error, whatever its code."""
        if run.reason is not None:
            return
        if oom_kills(self._counter) > run.kills and code != 0:
            run.reason = "memory"
        elif (run.interrupted is not None and code != 0) or (name == "SIGKILL" and not run.python):
            run.reason = "killed"
        else:
            run.reason = "finished" if code == 0 and not shell_ended else "error"

    def _finish(self, run: Run, code: int | None, name: str) -> None:
        self.run = None
        dropped = {}
        for stream, kept in run.streams.items():
            rest = kept.rest()
            dropped[stream] = kept.dropped
            if rest:
                self._send_output(run, stream, rest, kept.dropped)
        self._kill_others()
        remove_beneath(WORK, RUN_FOLDER)
        artifacts, skipped = changes(run.before, self._config["max_artifacts"])
        lost, self._shell_died = run.lost or self._shell_died, False
        self._link.send(
            {
                "ev": "finished", "id": run.id, "nonce": run.nonce, "reason": run.reason, "exit_code": code,
                "signal": name, "detail": "", "dropped": dropped, "artifacts": artifacts, "skipped": skipped,
                "duration_ms": round((time.monotonic() - run.started) * 1000, 2), "state": "lost" if lost else "kept",
            }
        )  # fmt: skip

    def _kill_others(self) -> None:
        kill_others({1, os.getpid(), self.shell.pid})
