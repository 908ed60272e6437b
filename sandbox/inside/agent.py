"""The agent: first process of a container or jail. It starts what the host asks for, watches limits, reads output.

It speaks frames over its own stdin and stdout: two lengths (JSON, payload; big-endian), the JSON head, the payload. The
code it runs never has these descriptors: it writes to pipes that the agent reads, and the agent makes itself unreadable
to processes of its own user. When its stdin ends or stays silent, the host is gone, and the agent ends, which as the
first process of its namespace ends everything else.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import time

from agent_files import (
    Problem,
    changes,
    code_of,
    listing,
    open_beneath,
    remove_beneath,
    snapshot,
    write_beneath,
)
from agent_jail import confine
from agent_places import CHUNK, RUN_FOLDER, WORK
from agent_processes import (
    PR_SET_DUMPABLE,
    become,
    drain,
    environment,
    exit_of,
    kill_everything,
    memory_file,
    memory_in_use,
    memory_of_session,
    processes,
    send_signal,
    which,
)
from agent_runs import Run

HEAD = struct.Struct(">II")
MAX_IN = 64 * 1024 * 1024
HIGH_WATER = 1024 * 1024
SILENT_HOST_S = 45.0
INTERRUPT_GRACE_S = 2.0
WATCH_S = 0.05
DYING_S = 0.1
MAX_SHOWN = 8 * 1024 * 1024
MAX_SHOWN_TOTAL = 32 * 1024 * 1024
COUNTERS = (
    "/run/limits/memory.events",
    "/run/limits/memory.oom_control",
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
)


class Agent:
    def __init__(self, link_in, link_out, config, worker_source):
        self.link_in = link_in
        self.link_out = link_out
        self.config = config
        self.worker_source = worker_source
        self.selector = selectors.DefaultSelector()
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.heard = time.monotonic()
        self.run = None
        self.worker = None
        self.worker_ready = False
        self.worker_died = False
        self.pipes = {}
        self.control = None
        self.control_box = bytearray()
        self.uploads = {}
        self.downloads = []
        self.paused = False
        self.counter = next((path for path in COUNTERS if os.path.exists(path)), None)
        self.watched = 0 if self.counter else config["memory"]

    # --- the loop

    def serve(self):
        wake_in, wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        for fd in (self.link_in, self.link_out):
            os.set_blocking(fd, False)
        self.selector.register(self.link_in, selectors.EVENT_READ, self.read_link)
        self.selector.register(wake_in, selectors.EVENT_READ, lambda: os.read(wake_in, 4096))
        found = sorted(name for name, path in self.config["languages"].items() if which(path))
        if "python" in found:
            self.start_worker()
        self.send({"ev": "ready", "languages": found, "limits": "kernel" if self.counter else "watched"})
        while True:
            for key, _ in self.selector.select(self.patience()):
                key.data()
            self.reap_children()
            self.check_clocks()
            self.pump_downloads()
            self.flush()

    def patience(self):
        moments = [self.heard + SILENT_HOST_S]
        if self.run is not None:
            if self.run.deadline is not None:
                moments.append(self.run.deadline)
            if self.run.interrupted is not None:
                moments.append(self.run.interrupted + INTERRUPT_GRACE_S)
            if self.watched:
                moments.append(time.monotonic() + WATCH_S)
        if self.downloads and len(self.outbox) < HIGH_WATER:
            return 0
        return max(0.0, min(moments) - time.monotonic())

    def check_clocks(self):
        now, run = time.monotonic(), self.run
        if now - self.heard > SILENT_HOST_S:
            os._exit(0)
        if run is None or run.reason is not None:
            return
        if run.deadline is not None and now >= run.deadline:
            self.stop("timeout")
        elif run.interrupted is not None and now >= run.interrupted + INTERRUPT_GRACE_S:
            self.stop("killed")
        elif self.watched and run.pid is not None and memory_in_use() > self.watched:
            self.stop("memory")

    # --- the link to the host

    def send(self, head, payload=b""):
        text = json.dumps(head).encode()
        self.outbox += HEAD.pack(len(text), len(payload)) + text + payload
        self.flush()

    def flush(self):
        while self.outbox:
            try:
                done = os.write(self.link_out, self.outbox[:CHUNK])
            except BlockingIOError:
                break
            except OSError:
                os._exit(0)
            del self.outbox[:done]
        wanted = bool(self.outbox)
        registered = self.link_out in self.selector.get_map()
        if wanted and not registered:
            self.selector.register(self.link_out, selectors.EVENT_WRITE, self.flush)
        elif registered and not wanted:
            self.selector.unregister(self.link_out)
        self.pause(len(self.outbox) > HIGH_WATER)

    def pause(self, wanted):
        """Read no output while the host does not take it: whoever writes then waits, too."""
        if wanted == self.paused:
            return
        self.paused = wanted
        for fd in list(self.pipes):
            if wanted:
                self.selector.unregister(fd)
            else:
                self.selector.register(fd, selectors.EVENT_READ, lambda fd=fd: self.read_pipe(fd))

    def read_link(self):
        try:
            data = os.read(self.link_in, CHUNK * 4)
        except BlockingIOError:
            return
        if not data:
            os._exit(0)
        self.heard = time.monotonic()
        self.inbox += data
        while len(self.inbox) >= HEAD.size:
            head, payload = HEAD.unpack_from(self.inbox)
            if head + payload > MAX_IN:
                os._exit(1)
            end = HEAD.size + head + payload
            if len(self.inbox) < end:
                return
            asked = json.loads(bytes(self.inbox[HEAD.size : HEAD.size + head]))
            content = bytes(self.inbox[HEAD.size + head : end])
            del self.inbox[:end]
            self.obey(asked, content)

    def obey(self, asked, content):
        op = asked["op"]
        if op == "ping":
            self.send({"ev": "pong"})
        elif op == "run":
            self.begin(asked, content)
        elif op == "interrupt":
            self.interrupt()
        elif op == "cancel":
            if self.run is not None and self.run.id == asked["id"] and self.run.reason is None:
                self.stop("killed")
        else:
            try:
                self.manage_files(op, asked, content)
            except Problem as problem:
                self.uploads.pop(asked["id"], None)
                self.send({"ev": "reply", "id": asked["id"], "code": problem.code, "message": str(problem)})
            except OSError as error:
                self.uploads.pop(asked["id"], None)
                self.send(
                    {"ev": "reply", "id": asked["id"], "code": code_of(error), "message": os.strerror(error.errno or 0)}
                )

    # --- runs

    def begin(self, asked, content):
        size = asked["code_size"]
        run = Run(asked, content[:size], content[size:], self.config["kept_output"])
        self.run = run
        run.before = snapshot()
        run.kills = self.oom_kills()
        if self.worker is None and (run.python or self.worker_died):
            self.start_worker()
        for fd in list(self.pipes):  # what came since the last run belongs to nobody
            drain(fd, lambda _: None)
        if run.python:
            if self.worker_ready:
                self.ask_worker()
        else:
            self.next_phase()

    def ask_worker(self):
        run = self.run
        run.pid = self.worker
        run.deadline = time.monotonic() + run.timeout
        token = run.nonce.encode()
        body = HEAD.pack(len(run.code), len(run.stdin)) + bytes([len(token)]) + token + run.code + run.stdin
        self.control.setblocking(True)
        self.control.settimeout(5)
        with contextlib.suppress(OSError):  # it is dying, and its end is noticed
            self.control.sendall(body)
        self.control.setblocking(False)

    def next_phase(self):
        run = self.run
        phase = run.phases.pop(0)
        run.phase = phase["name"]
        folder = os.path.join(WORK, RUN_FOLDER)
        try:
            os.makedirs(folder, exist_ok=True)
            write_beneath(folder, run.file, run.code)
        except (OSError, Problem) as error:
            self.feed("stderr", f"The code cannot be stored: {error}\n".encode())
            run.reason = "error"
            self.finish(None, "")
            return
        stdin = memory_file(run.stdin if run.phase == "run" else b"")
        out_in, out = os.pipe2(os.O_CLOEXEC)
        err_in, err = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            become(stdin, out, err, self.config)
            try:
                os.execvpe(phase["argv"][0], phase["argv"], environment())
            except OSError as error:
                os.write(2, f"{phase['argv'][0]}: {os.strerror(error.errno)}\n".encode())
            os._exit(127)
        for fd in (stdin, out, err):
            os.close(fd)
        run.pid = pid
        run.deadline = time.monotonic() + phase["timeout"]
        self.watch_pipe(out_in, "stdout", of_worker=False)
        self.watch_pipe(err_in, "stderr", of_worker=False)

    def interrupt(self):
        run = self.run
        if run is None or run.pid is None or run.reason is not None or run.interrupted is not None:
            return
        run.interrupted = time.monotonic()
        try:
            if run.python:
                os.kill(run.pid, signal.SIGINT)
            else:
                os.killpg(run.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def stop(self, reason):
        """End the run for this reason with all its processes; what follows is seen when they are reaped."""
        run = self.run
        run.reason = reason
        if run.python or run.pid is None:
            kill_everything()
            if run.pid is None:
                run.lost = True
                self.finish(None, "")
        else:
            self.kill_others()

    def reap_children(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.child_ended(pid, status)

    def child_ended(self, pid, status):
        run = self.run
        ours = run is not None and pid == run.pid
        if pid == self.worker:
            if ours:
                self.drain_pipes()
            self.forget_worker()
            self.worker_died = True
            if ours and run.python and not run.accepted and run.reason is None and run.tries < 2:
                run.pid, run.lost, run.tries = None, True, run.tries + 1  # it was dead before it was asked
                self.start_worker()
                return
            if run is not None:
                run.lost = True
            if run is not None and run.python and run.pid is None:
                run.reason = run.reason or "killed"
                ours = True
            if not ours:
                self.start_worker()
        if not ours:
            return
        code, name = exit_of(status)
        if run.python:
            self.settle(code, name)
            self.finish(code, name)
            self.start_worker()
            return
        self.drain_pipes()
        self.kill_others()
        self.settle(code, name)
        self.close_pipes(of_worker=False)
        if run.reason == "finished" and run.phases:
            self.send({"ev": "phase", "id": run.id, "nonce": run.nonce, "phase": run.phase, "exit_code": code})
            run.reason = run.pid = None
            self.next_phase()
            return
        if run.reason == "finished" or code is not None:
            self.send({"ev": "phase", "id": run.id, "nonce": run.nonce, "phase": run.phase, "exit_code": code})
        self.finish(code, name)

    def settle(self, code, name):
        """Why a process that is over was over, unless that is known."""
        run = self.run
        if run.reason is not None:
            return
        if self.oom_kills() > run.kills and code != 0:
            run.reason = "memory"
        elif (run.interrupted is not None and code != 0) or (name == "SIGKILL" and not run.python):
            run.reason = "killed"
        else:
            run.reason = "finished" if code == 0 and not (run.python and run.lost) else "error"

    def finish(self, code, name, detail=""):
        run, self.run = self.run, None
        dropped = {}
        for stream, kept in run.streams.items():
            rest = kept.rest()
            dropped[stream] = kept.dropped
            if rest:
                self.send_output(run, stream, rest, kept.dropped)
        self.kill_others()
        remove_beneath(WORK, RUN_FOLDER)
        artifacts, skipped = changes(run.before, self.config["max_artifacts"])
        lost, self.worker_died = run.lost or self.worker_died, False
        self.send(
            {
                "ev": "finished", "id": run.id, "nonce": run.nonce, "reason": run.reason, "exit_code": code,
                "signal": name, "detail": detail, "dropped": dropped, "artifacts": artifacts, "skipped": skipped,
                "duration_ms": round((time.monotonic() - run.started) * 1000, 2), "state": "lost" if lost else "kept",
            }
        )  # fmt: skip

    def oom_kills(self):
        if self.counter is None:
            return 0
        try:
            with open(self.counter) as lines:
                return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
        except (OSError, ValueError, IndexError):
            return 0

    # --- processes

    def start_worker(self):
        out_in, out = os.pipe2(os.O_CLOEXEC)
        err_in, err = os.pipe2(os.O_CLOEXEC)
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            channel = os.dup2(there.fileno(), 100, inheritable=False)
            become(os.open(os.devnull, os.O_RDONLY), out, err, self.config, keep=channel)
            os.environ.clear()
            os.environ.update(environment())
            try:
                exec(compile(self.worker_source, "<worker>", "exec"), {"__name__": "__worker__", "CHANNEL": channel})
            finally:
                os._exit(70)
        there.close()
        for fd in (out, err):
            os.close(fd)
        here.setblocking(False)
        self.worker, self.worker_ready, self.control = pid, False, here
        self.control_box.clear()
        self.selector.register(here, selectors.EVENT_READ, self.read_control)
        self.watch_pipe(out_in, "stdout", of_worker=True)
        self.watch_pipe(err_in, "stderr", of_worker=True)

    def forget_worker(self):
        self.worker, self.worker_ready = None, False
        self.selector.unregister(self.control)
        self.control.close()
        self.control = None
        self.close_pipes(of_worker=True)

    def read_control(self):
        try:
            data = self.control.recv(CHUNK * 4)
        except (BlockingIOError, ConnectionError):
            return
        if not data:  # it closed the channel; without one it is of no use
            if self.worker is not None:
                os.kill(self.worker, signal.SIGKILL)
            return
        self.control_box += data
        box = self.control_box
        while len(box) >= 5:
            kind, size = chr(box[0]), int.from_bytes(box[1:5], "big")
            if size > MAX_SHOWN:
                os.kill(self.worker, signal.SIGKILL)
                box.clear()
                return
            if len(box) < 5 + size:
                return
            payload = bytes(box[5 : 5 + size])
            del box[: 5 + size]
            self.hear_worker(kind, payload)
            if self.control is None:
                return

    def hear_worker(self, kind, payload):
        run = self.run
        if kind == "Y":
            self.worker_ready = True
            self.send({"ev": "warm", "detail": payload.decode(errors="replace")[:100]})
            if run is not None and run.python and run.pid is None and run.reason is None:
                self.ask_worker()
            return
        if run is None or not run.python or run.reason is not None:
            return
        token, _, body = payload.partition(b"\n")
        if token != run.nonce.encode():
            return
        if kind == "A":
            run.accepted = True
        elif kind == "S":
            run.shown += len(body)
            if run.shown > MAX_SHOWN_TOTAL:
                self.stop("output_limit")
                return
            self.drain_pipes()
            self.send({"ev": "shown", "id": run.id, "nonce": run.nonce}, body)
        elif kind == "D":
            self.drain_pipes()
            if run.reason is not None:
                return
            code = int(body) if body.isdigit() and len(body) < 4 else 1
            self.settle(code, "")
            run.pid = None
            self.finish(code, "")

    def watch_pipe(self, fd, name, of_worker):
        os.set_blocking(fd, False)
        self.pipes[fd] = (name, of_worker)
        if not self.paused:
            self.selector.register(fd, selectors.EVENT_READ, lambda: self.read_pipe(fd))

    def read_pipe(self, fd):
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close_pipe(fd)
        else:
            self.take_output(fd, data)

    def take_output(self, fd, data):
        """Output counts for the run that it belongs to; what a thread of Python writes between runs is nobody's."""
        name, of_worker = self.pipes[fd]
        if self.run is not None and self.run.python == of_worker:
            self.feed(name, data)

    def feed(self, name, data):
        run = self.run
        now = run.streams[name].feed(data)
        if now:
            self.send_output(run, name, now, 0)
        if run.reason is None and sum(each.total for each in run.streams.values()) > self.config["max_output"]:
            self.stop("output_limit")

    def send_output(self, run, name, data, dropped):
        for at in range(0, len(data), CHUNK):
            head = {"ev": "output", "id": run.id, "nonce": run.nonce, "stream": name, "phase": run.phase}
            if dropped and at == 0:
                head["dropped"] = dropped
            self.send(head, data[at : at + CHUNK])

    def drain_pipes(self):
        for fd in list(self.pipes):
            drain(fd, lambda data, fd=fd: self.take_output(fd, data))

    def close_pipes(self, of_worker):
        for fd, (_, whose) in list(self.pipes.items()):
            if whose == of_worker:
                self.close_pipe(fd)

    def close_pipe(self, fd):
        if fd in self.pipes:
            if not self.paused:
                self.selector.unregister(fd)
            del self.pipes[fd]
            os.close(fd)

    def kill_others(self):
        """Kill whatever runs but the agent and the worker: stopped first, so that nothing forks meanwhile."""
        spared = {1, os.getpid(), self.worker}
        seen = set()
        for _ in range(20):
            found = {pid for pid in processes() if pid not in spared}
            if found <= seen:
                break
            for pid in found:
                send_signal(pid, signal.SIGSTOP)
            seen |= found
        for pid in seen:
            send_signal(pid, signal.SIGKILL)
        until = time.monotonic() + DYING_S
        while seen and time.monotonic() < until:
            seen = {pid for pid in processes() if pid in seen}
            if seen:
                time.sleep(0.001)

    # --- files

    def manage_files(self, op, asked, content):
        if op == "put":
            self.receive(asked, content)
            return
        if op == "get":
            fd = open_beneath(WORK, asked["path"])
            size = os.fstat(fd).st_size
            if size > self.config["max_file"]:
                os.close(fd)
                raise Problem(
                    "limit_exceeded",
                    f"The file has {size:,} bytes; at most {self.config['max_file']:,} are handed out.",
                )
            self.downloads.append([asked["id"], fd, self.config["max_file"]])
            return
        if op == "delete" and not remove_beneath(WORK, asked["path"]):
            raise Problem("not_found", "There is no such file.")
        entries, _ = listing()
        room = os.statvfs(WORK)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        usage = {"memory": memory_of_session(self.counter), "processes": len(processes()), "files": used}
        self.send({"ev": "reply", "id": asked["id"], "usage": usage}, json.dumps(entries).encode())

    def receive(self, asked, content):
        name = asked["id"]
        if asked["first"]:
            self.uploads[name] = []
        if name not in self.uploads:
            return
        parts = self.uploads[name]
        parts.append(content)
        if sum(map(len, parts)) > self.config["max_file"]:
            raise Problem("limit_exceeded", f"A file may have {self.config['max_file']:,} bytes.")
        if asked["last"]:
            write_beneath(WORK, asked["path"], b"".join(self.uploads.pop(name)))
            self.send({"ev": "reply", "id": name})

    def pump_downloads(self):
        while self.downloads and len(self.outbox) < HIGH_WATER:
            name, fd, left = self.downloads[0]
            try:
                data = os.read(fd, min(CHUNK * 4, left))
            except OSError:
                data = b""
            if data:
                self.downloads[0][2] -= len(data)
                self.send({"ev": "chunk", "id": name}, data)
            else:
                os.close(fd)
                self.downloads.pop(0)
                self.send({"ev": "reply", "id": name})


def read_exactly(fd, size):
    data = bytearray()
    while len(data) < size:
        part = os.read(fd, min(CHUNK, size - len(data)))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def main():
    """Take the descriptors of the link out of everybody's reach, then serve."""
    link_in = os.dup(0)
    link_out = os.dup(1)
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
    Agent(link_in, link_out, config, worker_source).serve()


main()
