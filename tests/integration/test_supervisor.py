"""The supervisor with real processes: it starts again what dies, and leaves nothing behind, however it ends itself."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backend.processes.supervisor import CannotListen, PortTaken, check_port

ROOT = Path(__file__).resolve().parents[2]

SUPERVISE = """
import json, sys
from backend.processes.supervisor import ChildSpec, Supervisor
specs = [
    ChildSpec(name=name, command=(sys.executable, "-c", code), url=url) for name, code, url in json.loads(sys.argv[1])
]
preparation = (sys.executable, "-c", sys.argv[2]) if sys.argv[2] else ()
well = Supervisor(specs, preparation=preparation, on_ready=lambda: print("READY", flush=True)).run()
print("STOPPED" if well else "FAILED", flush=True)
"""

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
WITH_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
TALK = "print('hello from within', flush=True); import time; time.sleep(600)"


class Supervised:
    """A supervisor in a process of its own, its output in a file."""

    def __init__(self, folder: Path, *children: tuple[str, str, str], preparation: str = "") -> None:
        self.log = folder / f"log-{secrets.token_hex(4)}"
        with self.log.open("wb") as log:
            command = [sys.executable, "-c", SUPERVISE, json.dumps(children), preparation]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.log.read_text()

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def running(self, code: str) -> list[psutil.Process]:
        """The processes below it that run exactly this code (those about to become it do not count)."""
        found = []
        for process in self.below():
            try:
                if process.cmdline()[1:] == ["-c", code]:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found


def lives(process: psutil.Process) -> bool:
    """Not so for one that has ended and only waits for somebody to notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(met: Callable[[], object], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.05)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    begun: list[Supervised] = []

    def start(*children: tuple[str, str, str], preparation: str = "") -> Supervised:
        begun.append(Supervised(tmp_path, *children, preparation=preparation))
        return begun[-1]

    yield start
    for each in begun:
        if each.process.poll() is None:
            for process in each.below():
                process.kill()
            each.process.kill()
        each.process.wait()


def test_it_says_once_that_all_are_ready_and_shows_what_they_say(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", TALK, ""), ("two", SLEEP, ""))
    until(lambda: "READY" in supervised.said() and "hello" in supervised.said())
    assert "one    | hello from within" in supervised.said()
    assert supervised.said().count("READY") == 1


def test_it_is_not_ready_before_every_address_answers(begin: Callable[..., Supervised]) -> None:
    port = check_port("127.0.0.1", 0, "--port")
    serve = f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"
    never = begin(("one", SLEEP, f"http://127.0.0.1:{port}/"))
    until(lambda: never.running(SLEEP))
    assert "READY" not in never.said()
    answering = begin(("one", serve, f"http://127.0.0.1:{port}/"))
    until(lambda: "READY" in answering.said())


def test_children_start_beside_the_preparation_and_are_heard_once_it_is_done(
    begin: Callable[..., Supervised], tmp_path: Path
) -> None:
    done = tmp_path / "done"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(done)!r}).exists(): time.sleep(0.02)"
    supervised = begin(("one", TALK, ""), preparation=wait)
    until(lambda: supervised.running(TALK))
    time.sleep(0.5)
    assert "hello" not in supervised.said()
    done.touch()
    until(lambda: "one    | hello from within" in supervised.said())
    until(lambda: "READY" in supervised.said())


def test_a_preparation_that_fails_ends_all_and_is_all_that_is_heard(begin: Callable[..., Supervised]) -> None:
    crash = "raise SystemExit('no table')"
    supervised = begin(("one", TALK, ""), ("two", crash, ""), preparation="import time; time.sleep(1); exit('no room')")
    until(lambda: supervised.running(TALK))
    below = supervised.below()
    assert supervised.process.wait(timeout=30) == 0
    assert supervised.said() == "no room\nFAILED\n"
    assert not [process for process in below if lives(process)]


def test_it_can_be_stopped_while_it_prepares(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", TALK, ""), preparation=SLEEP)
    until(lambda: supervised.running(TALK) and supervised.running(SLEEP))
    below = supervised.below()
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(timeout=30) == 0
    assert supervised.said() == "STOPPED\n"
    assert not [process for process in below if lives(process)]


def test_a_child_that_is_killed_is_started_again(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", SLEEP, ""))
    until(lambda: supervised.running(SLEEP))
    (first,) = supervised.running(SLEEP)
    first.kill()
    until(lambda: supervised.running(SLEEP) and supervised.running(SLEEP) != [first])
    assert "one ended (SIGKILL)" in supervised.said()


def test_a_child_that_cannot_live_is_tried_ever_less_often(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", "raise SystemExit(7)", ""))
    until(lambda: supervised.said().count("exit code 7") >= 3)
    assert "again in 0.5 s" in supervised.said()
    assert "again in 2 s" in supervised.said()


def test_what_a_dead_child_had_started_goes_with_it(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", WITH_CHILD, ""))
    until(lambda: supervised.running(SLEEP))
    (grandchild,) = supervised.running(SLEEP)
    supervised.running(WITH_CHILD)[0].kill()
    until(lambda: not lives(grandchild))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(begin: Callable[..., Supervised], number: int) -> None:
    supervised = begin(("one", SLEEP, ""), ("two", WITH_CHILD, ""))
    until(lambda: len(supervised.running(SLEEP)) == 2)
    below = supervised.below()
    supervised.process.send_signal(number)
    assert supervised.process.wait(timeout=30) == 0
    assert not [process for process in below if lives(process)]
    assert supervised.said().rstrip().endswith("STOPPED")


def test_a_child_that_does_not_listen_is_killed(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", STUBBORN, ""))
    until(lambda: "one    | deaf" in supervised.said())
    (child,) = supervised.running(STUBBORN)
    supervised.process.terminate()
    assert supervised.process.wait(timeout=30) == 0
    assert not lives(child)


def test_no_orphan_is_left_when_it_is_killed_itself(begin: Callable[..., Supervised]) -> None:
    supervised = begin(("one", SLEEP, ""), ("two", TALK, ""))
    until(lambda: supervised.running(SLEEP) and supervised.running(TALK))
    below = supervised.below()
    supervised.process.kill()
    supervised.process.wait()
    until(lambda: not [process for process in below if lives(process)])


def test_a_port_in_use_is_named_with_the_option_that_chooses_another() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=f"{port}.*--api-port"):
            check_port("127.0.0.1", port, "--api-port")
    assert check_port("127.0.0.1", port, "--api-port") == port
    assert check_port("127.0.0.1", 0, "--api-port") > 0


def test_an_address_that_is_not_ours_is_refused_in_a_sentence() -> None:
    with pytest.raises(CannotListen, match="--port"):
        check_port("192.0.2.1", 8000, "--port")
