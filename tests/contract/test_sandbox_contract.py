"""What every engine that confines code must do, with real programs on real engines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.errors import (
    FileMissing,
    LimitExceeded,
    QuotaExceeded,
    SessionBusy,
    SessionLost,
    UnknownLanguage,
    UnsafePath,
)
from sandbox.types import CompilationFinished, Output, RunRequest
from tests.sandboxes import ADAPTERS, LIMITS, Lab, engine_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ADAPTERS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    opened = Lab(engine_of(request.param))
    yield opened
    await opened.close()


async def test_it_says_what_it_can(lab: Lab) -> None:
    found = await lab.engine.probe()
    assert found.available, found.reason
    assert {"python", "shell", "javascript", "cpp"} <= set(found.languages)
    assert set(found.enforcement) == {"memory", "processes", "cpus", "files"}


async def test_variables_and_files_live_on(lab: Lab) -> None:
    await lab.run("x = 20\nopen('kept.txt', 'w').write('here')")
    again = await lab.run("print(open('kept.txt').read())\nx + 1")
    assert (again.end.reason, again.stdout, again.result) == ("finished", "here\n", "21")


async def test_output_streams_in_pieces_before_the_end(lab: Lab) -> None:
    code = "import time, sys\nprint('first'); time.sleep(.3); print('second'); print('aside', file=sys.stderr)"
    outcome = await lab.run(code)
    first = next(each for each in outcome.events if isinstance(each, Output))
    assert first.text == "first\n"
    assert (outcome.stdout, outcome.stderr) == ("first\nsecond\n", "aside\n")


async def test_an_error_is_told_with_its_traceback(lab: Lab) -> None:
    outcome = await lab.run("def f():\n    return 1 / 0\nf()")
    assert (outcome.end.reason, outcome.end.exit_code, outcome.end.state) == ("error", 1, "kept")
    assert "ZeroDivisionError" in outcome.stderr


async def test_a_plot_and_a_table_are_shown(lab: Lab) -> None:
    await lab.run("import pandas as pd, matplotlib.pyplot as plt", timeout_s=60)
    plot = await lab.run("plt.plot([1, 3, 2]); plt.show()", timeout_s=60)
    assert any("image/png" in each.data for each in plot.events if hasattr(each, "data"))
    assert [each.media_type for each in plot.end.artifacts] == ["image/png"]
    content = await (await lab.session()).get(plot.end.artifacts[0].path)
    assert content.startswith(b"\x89PNG")
    table = await lab.run("pd.DataFrame({'pod': ['a', 'b'], 'restarts': [1, 7]})")
    shown = next(each.data for each in table.events if hasattr(each, "data"))
    assert shown["application/vnd.devops-chatbot.table+json"]["rows"] == [["0", "a", "1"], ["1", "b", "7"]]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("shell", "read name; echo hello $name"),
        ("javascript", "process.stdin.on('data', d => console.log('hello ' + String(d).trim()))"),
        ("cpp", '#include <iostream>\nint main(){std::string n;std::cin>>n;std::cout<<"hello "<<n<<"\\n";}'),
        ("python", "print('hello', input())"),
    ],
)
async def test_languages_read_stdin_and_write_stdout(lab: Lab, language: str, code: str) -> None:
    outcome = await lab.run(code, language, stdin="world\n", timeout_s=60)
    assert (outcome.end.reason, outcome.stdout, outcome.end.exit_code) == ("finished", "hello world\n", 0)


async def test_a_compile_error_is_a_phase_of_its_own(lab: Lab) -> None:
    outcome = await lab.run("int main() { return undeclared; }", "cpp", timeout_s=60)
    assert outcome.end.reason == "error"
    assert [each.phase for each in outcome.events if isinstance(each, CompilationFinished)] == ["compile"]
    assert all(each.phase == "compile" for each in outcome.events if isinstance(each, Output))
    assert "undeclared" in outcome.stderr


async def test_an_exit_code_is_told_and_the_session_goes_on(lab: Lab) -> None:
    assert (await lab.run("exit 3", "shell")).end.exit_code == 3
    assert (await lab.run("import sys; sys.exit(4)")).end.exit_code == 4
    assert (await lab.run("1 + 1")).result == "2"


async def test_artifacts_are_what_a_run_changed(lab: Lab) -> None:
    session = await lab.session()
    await session.put("brought.csv", b"a,b\n1,2\n")
    outcome = await lab.run("open('made.csv', 'w').write(open('brought.csv').read() * 2)")
    assert [(each.path, each.media_type, each.size) for each in outcome.end.artifacts] == [("made.csv", "text/csv", 16)]


async def test_files_go_in_and_out_and_away(lab: Lab) -> None:
    session = await lab.session()
    content = bytes(range(256)) * 4096
    await session.put("deep/er/data.bin", content)
    assert await session.get("deep/er/data.bin") == content
    await session.put("deep/er/data.bin", b"")
    assert await session.get("deep/er/data.bin") == b""
    entries, usage = await session.manage("list")
    assert ("deep/er/data.bin", 0) in [(each.path, each.size) for each in entries]
    assert usage.memory_bytes
    assert usage.processes
    entries, _ = await session.manage("delete", "deep")
    assert not [each for each in entries if each.path.startswith("deep")]
    with pytest.raises(FileMissing):
        await session.get("deep/er/data.bin")


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "a//b", ".", "", "a/./b", "a\0b", "x/" * 40 + "y"]
)
async def test_no_path_leads_out(lab: Lab, path: str) -> None:
    session = await lab.session()
    with pytest.raises(UnsafePath):
        await session.get(path)
    with pytest.raises(UnsafePath):
        await session.put(path, b"x")
    with pytest.raises(UnsafePath):
        await session.manage("delete", path)


async def test_links_and_odd_files_are_not_handed_out(lab: Lab) -> None:
    session = await lab.session()
    code = (
        "import os, socket\nos.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'folder'); os.mkfifo('plot.png')\n"
        "socket.socket(socket.AF_UNIX).bind('sock'); os.mkdir('dir')"
    )
    outcome = await lab.run(code)
    assert outcome.end.artifacts == ()
    assert len(outcome.end.skipped) == 4
    for name in ("link", "folder/passwd", "plot.png", "sock", "dir"):
        with pytest.raises(UnsafePath):
            await session.get(name)
    await session.put("link", b"mine")
    assert await session.get("link") == b"mine"
    with pytest.raises(UnsafePath):
        await session.put("folder/passwd", b"x")
    await lab.run("import os\nfor n in ('folder', 'plot.png', 'sock'): os.remove(n)")


async def test_quotas_of_files_hold(lab: Lab) -> None:
    session = await lab.session()
    with pytest.raises(QuotaExceeded):
        await session.put("big", b"\0" * (LIMITS.work_bytes + 1))
    with pytest.raises(LimitExceeded):
        await session.put("bigger", b"\0" * (LIMITS.max_file_bytes + 1))
    assert not [each for each in (await session.manage("list"))[0] if each.path.startswith("big")]


async def test_one_run_at_a_time(lab: Lab) -> None:
    session = await lab.session()
    running = asyncio.create_task(lab.run("import time; time.sleep(1)"))
    await asyncio.sleep(0.3)
    with pytest.raises(SessionBusy):
        await lab.run("1")
    await session.put("meanwhile", b"files may go in and out")
    assert (await running).end.reason == "finished"


async def test_an_interrupt_ends_the_run_and_keeps_the_state(lab: Lab) -> None:
    session = await lab.session()
    await lab.run("kept = 5")
    running = asyncio.create_task(lab.run("import time\nwhile True: time.sleep(.1)"))
    await asyncio.sleep(0.5)
    await session.interrupt()
    outcome = await running
    assert (outcome.end.reason, outcome.end.state) == ("killed", "kept")
    assert (await lab.run("kept")).result == "5"


async def test_whoever_goes_away_ends_the_run(lab: Lab) -> None:
    session = await lab.session()
    events = session.run(RunRequest(code="print('begun', flush=True)\nwhile True: pass", timeout_s=60))
    assert isinstance(await anext(events), Output)
    await events.aclose()
    assert (await lab.run("1 + 1")).result == "2"


async def test_an_unknown_language_is_refused(lab: Lab) -> None:
    with pytest.raises(UnknownLanguage):
        await lab.run("x", "cobol")
    assert (await lab.run("1 + 1")).result == "2"


async def test_sessions_do_not_see_each_other(lab: Lab) -> None:
    other = await lab.another()
    try:
        kept = "open('secret.txt', 'w').write(secret)\nopen('/tmp/secret', 'w').write(secret)"
        await lab.run(f"secret = 'mine'\n{kept}")
        code = (
            "import os\n"
            "print(os.path.exists('/work/secret.txt'), os.path.exists('/tmp/secret'), 'secret' in globals())\n"
            "print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
        )
        outcome = await lab.run(code, session=other)
        assert outcome.stdout.splitlines() == ["False False False", "2"]
    finally:
        await other.close()


async def test_a_session_opens_whatever_the_umask(lab: Lab) -> None:
    before = os.umask(0o077)
    try:
        other = await lab.another()
    finally:
        os.umask(before)
    try:
        assert (await lab.run("1 + 1", session=other)).result == "2"
    finally:
        await other.close()


async def test_a_closed_session_is_gone(lab: Lab) -> None:
    other = await lab.another()
    await other.close()
    await other.close()
    with pytest.raises(SessionLost):
        await lab.run("1", session=other)
    with pytest.raises(SessionLost):
        await other.get("x")
