"""`kb export` and `kb import` as somebody types them, on one machine and on the next."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import ROOT, Installation


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A machine with a base of two documents, and the export of it."""
    made = Installation(tmp_path_factory.mktemp("built"))
    made.write("docs/rollback.md", "# Rolling back\n\nRun `argocd app rollback guestbook 3` to go back.\n")
    made.write("docs/zh/回滚.md", "# 回滚\n\n执行 `kubectl rollout undo deployment/web` 可以回滚到上一个版本。\n")
    assert made.run("kb", "build", "runbooks", str(made.folder / "docs")).returncode == 0
    done = made.run("kb", "export", "runbooks", str(made.folder / "runbooks.zip"))
    assert done.returncode == 0, done.stderr
    assert "2 documents" in done.stdout
    return made


@pytest.fixture
def here(built: Installation, tmp_path: Path) -> Installation:
    """The same machine, to be changed; its base still names the folder that it was built from."""
    shutil.copytree(built.folder / "data", tmp_path / "here" / "data")
    return Installation(tmp_path / "here")


@pytest.fixture
def file(built: Installation) -> Path:
    return built.folder / "runbooks.zip"


def test_a_base_is_taken_to_another_machine(
    built: Installation, here: Installation, file: Path, tmp_path: Path
) -> None:
    there = Installation(tmp_path / "there")
    done = there.run("kb", "import", str(file))
    assert done.returncode == 0, done.stderr
    assert "embedded" not in done.stdout, "its vectors came along"
    shown = there.json("kb", "show", "runbooks")
    assert (shown["document_count"], [each["done"] for each in shown["vectors"]]) == (2, [2])
    assert [(each["kind"], each["elsewhere"]) for each in shown["sources"]] == [("folder", True)]
    assert "not read here" in there.run("kb", "show", "runbooks").stdout
    question = "How do I roll back with argocd?"
    answers = [each.json("ask", "--kb", "runbooks", question)["text"] for each in (here, there)]
    assert "argocd app rollback" in answers[0]
    assert answers[0] == answers[1]

    built.write("docs/new.md", "# New\n\nThe other machine could see it here.\n")
    assert there.run("kb", "rebuild", "runbooks").returncode == 0
    assert there.json("kb", "list")[0]["document_count"] == 2, "folders of another machine are not read"


def test_a_name_that_is_taken_is_told_with_what_to_type(here: Installation, file: Path) -> None:
    done = here.run("kb", "import", str(file))
    assert done.returncode == 1
    assert "--name" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert here.run("kb", "import", str(file), "--name", "copy").returncode == 0
    assert [each["name"] for each in here.json("kb", "list")] == ["copy", "runbooks"]


def test_what_cannot_be_read_or_written_is_told_in_a_sentence(here: Installation, file: Path) -> None:
    here.write("plain.txt", "no zip at all")
    torn = here.folder / "torn.zip"
    torn.write_bytes(file.read_bytes()[:-200])
    folder = str(here.folder)
    for words, code, said in (
        (("import", f"{folder}/nowhere.zip"), 2, "no file"),
        (("import", f"{folder}/plain.txt"), 1, "not a readable zip"),
        (("import", str(torn)), 1, "not a readable zip"),
        (("export", "ghost", f"{folder}/x.zip"), 1, "ghost"),
        (("export", "runbooks", f"{folder}/plain.txt"), 2, "another name"),
    ):
        done = here.run("kb", *words)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert len(here.json("kb", "list")) == 1


def test_an_import_that_was_killed_goes_on_with_the_same_command(
    here: Installation, file: Path, tmp_path: Path
) -> None:
    there = Installation(tmp_path / "there")
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "kb", "import", str(file)],
        cwd=ROOT, env=there.environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline(), "the base is there and its job waits"
    process.kill()
    process.wait()
    process.stderr.close()
    done = there.run("kb", "import", str(file))
    assert done.returncode in (0, 1), done.stderr
    if done.returncode:  # it had come to its end before it could be killed
        assert "--name" in done.stderr
    (listed,) = there.json("kb", "list")
    assert (listed["document_count"], listed["chunk_count"]) == (2, 2)
    assert [(each["done"], each["total"]) for each in listed["vectors"]] == [(2, 2)]
