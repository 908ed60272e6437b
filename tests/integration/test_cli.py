"""The command line as a script uses it: what it prints and exits with, and that a mistake is told in a sentence."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.installation import ROOT, Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def docs(installation: Installation) -> Path:
    installation.write("docs/rollback.md", "# Rolling back\n\nRun `argocd app rollback guestbook 3` to go back.\n")
    installation.write("docs/ingress.md", "# Ingress\n\nSet `proxy_read_timeout` to 600 for slow backends.\n")
    installation.write(
        "docs/zh/回滚.md", "# 回滚\n\n执行 `kubectl rollout undo deployment/web` 可以回滚到上一个版本。\n"
    )
    return installation.folder / "docs"


def one_sentence(text: str) -> bool:
    return bool(text.strip()) and len(text.strip().splitlines()) == 1 and "Traceback" not in text


# --- what goes wrong


@pytest.mark.parametrize(
    "words", [("--help",), ("kb", "--help"), ("eval", "retrieval", "--help"), ("phases", "--help")]
)
def test_help_is_there_and_loads_nothing_heavy(installation: Installation, words: tuple[str, ...]) -> None:
    code = (
        "import sys\nsys.argv = ['devops-chatbot', *sys.argv[1:]]\nfrom backend.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    heavy = {'sqlalchemy', 'torch', 'numpy', 'fastapi', 'dbos'}\n"
        "    print('HEAVY', sorted(heavy & set(sys.modules)))\n    sys.exit(end.code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert "HEAVY []" in done.stdout


@pytest.mark.parametrize(
    "words", [("nonsense",), ("search", "why?"), ("up", "--port", "x"), ("kb", "build", "only-a-name")]
)
def test_a_wrong_command_exits_with_2(installation: Installation, words: tuple[str, ...]) -> None:
    done = installation.run(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such/place", "no file or folder"),
        ("https://example.com/team/repository.git", "Git"),
        ("git@example.com:team/repository", "Git"),
        ("ftp://example.com/page", "http"),
    ],
)
def test_a_source_that_cannot_be_read_is_told_before_anything_is_made(
    installation: Installation, source: str, said: str
) -> None:
    done = installation.run("kb", "build", "new", source)
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert said in done.stderr
    assert installation.json("kb", "list") == []


@pytest.mark.parametrize(
    "words", [("search", "--kb", "ghost", "why?"), ("ask", "--kb", "ghost", "why?"), ("kb", "show", "ghost")]
)
def test_an_unknown_base_is_told_in_a_sentence(installation: Installation, words: tuple[str, ...]) -> None:
    done = installation.run(*words)
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert "ghost" in done.stderr


def test_a_misspelt_setting_is_told_with_the_right_one(installation: Installation) -> None:
    done = installation.run("kb", "list", CHATBOT_DATABASE_URI="x")
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert "CHATBOT_DATABASE_URL" in done.stderr


@pytest.mark.parametrize("names", ["use-multilingual,all-minilm-l6-v2", '["use-multilingual", "all-minilm-l6-v2"]'])
def test_lists_are_written_with_commas_or_as_json(installation: Installation, names: str) -> None:
    assert installation.run("kb", "list", CHATBOT_DEFAULT_EMBEDDERS=names).returncode == 0


def test_a_list_that_is_none_is_told_with_how_to_write_it(installation: Installation) -> None:
    done = installation.run("kb", "list", CHATBOT_DEFAULT_EMBEDDERS='["a",')
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert "commas" in done.stderr


def test_a_database_that_is_not_there_is_told_in_a_sentence(installation: Installation) -> None:
    done = installation.run("kb", "list", CHATBOT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.startswith("The database cannot be reached")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("up",), ("serve",)])
def test_others_may_only_reach_it_with_a_token(installation: Installation, command: tuple[str, ...]) -> None:
    done = installation.run(*command, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert "CHATBOT_TOKEN" in done.stderr


def test_a_port_in_use_is_named_with_its_option(installation: Installation) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = installation.run("up", "--port", str(listener.getsockname()[1]))
    assert done.returncode == 1
    assert one_sentence(done.stderr)
    assert "--port" in done.stderr


# --- looking after it


def test_migrating_twice_is_as_good_as_once(installation: Installation) -> None:
    assert "brought up to date" in installation.run("migrate").stdout
    assert "is up to date" in installation.run("migrate").stdout


def test_nothing_runs_on_a_database_of_a_later_version(installation: Installation) -> None:
    installation.run("migrate")
    with closing(sqlite3.connect(installation.folder / "data" / "chatbot.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    done = installation.run("up", "--port", "0", "--api-port", "0")
    assert done.returncode == 1
    starting, sentence = done.stderr.splitlines()
    assert starting == "Starting …"
    assert "made by a later one" in sentence


def test_doctor_says_what_is_there_and_what_to_type(installation: Installation) -> None:
    before = {each["name"]: each for each in installation.json("doctor", "--quick")["findings"]}
    assert before["SQLite"]["status"] == "ok"
    assert before["Database"]["status"] == "warning"
    assert "migrate" in before["Database"]["advice"]
    installation.run("migrate")
    after = {each["name"]: each for each in installation.json("doctor", "--quick")["findings"]}
    assert after["Database"]["status"] == "ok"
    assert after["Worker"]["status"] == "missing"
    assert "devops-chatbot up" in after["Worker"]["advice"]
    assert "FTS5" in installation.run("doctor", "--quick").stdout


def test_a_token_that_can_be_guessed_is_refused(installation: Installation) -> None:
    for command in ("doctor", "migrate"):
        done = installation.run(command, CHATBOT_TOKEN="x")
        assert done.returncode == 2
        assert "at least 16 characters" in done.stderr
    findings = installation.json("doctor", "--quick", CHATBOT_TOKEN="5f3c0b6b9d0e4a5c8c1f")["findings"]
    assert next(each["status"] for each in findings if each["name"] == "Access") == "ok"


def test_doctor_fails_when_the_product_could_not_work(installation: Installation) -> None:
    done = installation.run("doctor", "--quick", CHATBOT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "FAILED   Database" in done.stdout


# --- the main job, with no process running but the command's own


def test_from_a_folder_to_a_cited_answer(installation: Installation, docs: Path) -> None:
    built = installation.run("kb", "build", "runbooks", str(docs))
    assert built.returncode == 0, built.stderr
    (listed,) = installation.json("kb", "list")
    assert (listed["name"], listed["document_count"], listed["failed_count"]) == ("runbooks", 3, 0)
    assert all(each["done"] == each["total"] for each in listed["vectors"])

    hits = installation.json("search", "--kb", "runbooks", "--top-k", "2", "proxy_read_timeout")["hits"]
    assert hits[0]["document"]["path"] == "ingress.md"
    assert len(hits) <= 2
    assert "ingress.md" in installation.run("search", "--kb", "runbooks", "proxy_read_timeout").stdout

    answer = installation.json("ask", "--kb", "runbooks", "How do I roll back with argocd?")
    assert answer["answered"]
    assert "argocd app rollback" in answer["text"]
    assert answer["citations"][0]["path"] == "rollback.md"
    assert "[1]" in installation.run("ask", "如何回滚到上一个版本？").stdout


def test_what_cannot_be_read_is_named_and_stops_nothing(installation: Installation, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 no more than that")
    (docs / "picture.png").write_bytes(b"no document")
    done = installation.run("kb", "build", "runbooks", str(docs))
    assert done.returncode == 0
    assert "broken.pdf" in done.stderr
    assert ".png" in done.stderr  # a note: of a kind that is never read
    shown = installation.json("kb", "show", "runbooks")
    assert [each["path"] for each in shown["failed"]] == ["broken.pdf"]
    assert shown["document_count"] == 4


def test_files_zips_and_folders_can_be_mixed_and_built_again(installation: Installation, docs: Path) -> None:
    single = installation.write("notes.txt", "The on-call phone is in the drawer.\n")
    archive = installation.folder / "more.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("inside/quota.md", "# Quota\n\nRaise `requests.cpu` in the ResourceQuota.\n")
    assert installation.run("kb", "build", "mixed", str(docs), str(single), str(archive)).returncode == 0
    shown = installation.json("kb", "show", "mixed")
    assert {each["kind"]: each["document_count"] for each in shown["sources"]} == {"folder": 3, "upload": 1, "zip": 1}

    (docs / "ingress.md").unlink()
    installation.write("docs/rollback.md", "# Rolling back\n\nUse `helm rollback web 7` now.\n")
    assert installation.run("kb", "rebuild", "mixed").returncode == 0
    assert installation.json("kb", "show", "mixed")["document_count"] == 4
    hits = installation.json("search", "--kb", "mixed", "argocd guestbook")["hits"]
    assert not any("guestbook" in hit["text"] for hit in hits)
    assert installation.json("search", "--kb", "mixed", "helm rollback")["hits"][0]["document"]["path"] == "rollback.md"


def test_deleting_asks_first_and_then_leaves_nothing(installation: Installation, docs: Path) -> None:
    installation.run("kb", "build", "gone", str(docs))
    assert installation.run("kb", "delete", "gone").returncode == 1, "nobody said yes"
    assert len(installation.json("kb", "list")) == 1
    assert installation.run("kb", "delete", "gone", "--yes").returncode == 0
    assert installation.json("kb", "list") == []


def test_evaluation_prints_the_figures(installation: Installation, docs: Path) -> None:
    installation.run("kb", "build", "runbooks", str(docs))
    lines = [
        {
            "id": "1",
            "question": "How do I roll back guestbook with argocd?",
            "kind": "task",
            "answers": [{"doc": "rollback.md", "quote": "argocd app rollback guestbook 3"}],
        },
        {"id": "2", "question": "Who won the chess tournament of 1927?", "kind": "unanswerable", "answers": []},
    ]
    file = installation.write("questions.jsonl", "\n".join(json.dumps(line) for line in lines))
    report = installation.json("eval", "retrieval", "--kb", "runbooks", "--questions", str(file))
    assert (report["count"], report["unanswerable_count"]) == (1, 1)
    assert report["hit_at_1"] == 1.0
    assert report["quote_recall"] == 1.0
    assert [row["id"] for row in report["per_question"]] == ["1", "2"]
    installation.write("broken.jsonl", "{}")
    broken = str(installation.folder / "broken.jsonl")
    done = installation.run("eval", "retrieval", "--kb", "runbooks", "--questions", broken)
    assert done.returncode == 2
    assert "Line 1" in done.stderr


# --- everything at once


@pytest.fixture
def product(installation: Installation) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with (installation.folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend", "up", "--port", "0", "--api-port", "0"],
            cwd=ROOT,
            env=installation.environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    said = process.stdout.readline()
    yield process, said
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=30)
    process.stdout.close()


def test_up_prints_one_address_and_everything_works_behind_it(
    installation: Installation, docs: Path, product: tuple[subprocess.Popen[str], str]
) -> None:
    process, said = product
    assert "http://127.0.0.1:" in said, (installation.folder / "log").read_text()
    url = said.split()[-1]
    with urllib.request.urlopen(f"{url}/_stcore/health", timeout=10) as response:
        assert response.status == 200
    built = installation.run("kb", "build", "runbooks", str(docs))
    assert built.returncode == 0, built.stderr
    assert installation.json("kb", "list")[0]["document_count"] == 3

    second = installation.run("up", "--port", "0", "--api-port", "0")
    assert second.returncode == 1
    assert one_sentence(second.stderr)
    assert url in second.stderr
    ports = {each["name"]: each for each in installation.json("doctor", "--quick")["findings"]}
    assert f"{url} answers" in ports["UI port"]["detail"], "also where it was not told the port"
    assert ports["API port"]["status"] == "ok"

    below = psutil.Process(process.pid).children(recursive=True)
    assert {"serve", "worker", "frontend"} <= {word for each in below for word in each.cmdline()}
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    _, alive = psutil.wait_procs(below, timeout=30)
    assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]
