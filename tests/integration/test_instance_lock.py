"""Which product runs on a data folder: one at a time, and known as long as it lives and no longer."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from backend.errors import NotReady
from backend.processes.instance_lock import Addresses, AlreadyRunning, claimed, running_at
from tests.installation import ROOT

HERE = Addresses(ui="http://127.0.0.1:1", api="http://127.0.0.1:2")
HOLD = """
import sys, time
from pathlib import Path
from backend.processes.instance_lock import Addresses, claimed
with claimed(Path(sys.argv[1])) as announce:
    announce(Addresses(ui="http://127.0.0.1:3", api="http://127.0.0.1:4"))
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_that_nothing_runs_on(tmp_path: Path) -> None:
    assert running_at(tmp_path / "never-made") is None
    with claimed(tmp_path):
        pass
    assert running_at(tmp_path) is None


def test_it_is_known_where_the_product_is_reached_while_it_runs(tmp_path: Path) -> None:
    with claimed(tmp_path) as announce:
        assert running_at(tmp_path) is None, "not said yet"
        announce(HERE)
        assert running_at(tmp_path) == HERE
        with pytest.raises(AlreadyRunning, match=r"127\.0\.0\.1:1"), claimed(tmp_path):
            pass
        assert running_at(tmp_path) == HERE, "the one refused took nothing with it"
    assert running_at(tmp_path) is None


def test_one_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert running_at(tmp_path) == Addresses(ui="http://127.0.0.1:3", api="http://127.0.0.1:4")
        process.kill()
    assert running_at(tmp_path) is None
    with claimed(tmp_path):
        assert running_at(tmp_path) is None, "its addresses are not those of the next"


def test_a_look_at_the_folder_keeps_nobody_from_running(tmp_path: Path) -> None:
    look = FileLock(tmp_path / "up.lock", thread_local=False)
    look.acquire()
    threading.Timer(0.1, look.release).start()
    with claimed(tmp_path) as announce:
        announce(HERE)
        assert running_at(tmp_path) == HERE


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()
    with pytest.raises(NotReady, match="CHATBOT_DATA_DIR"), claimed(tmp_path):
        pass
    assert running_at(tmp_path) is None


def test_addresses_of_another_version_are_no_error(tmp_path: Path) -> None:
    with claimed(tmp_path):
        (tmp_path / "up.json").write_text('{"somewhere": "else"}')
        assert running_at(tmp_path) is None
