"""A long question is read for what it asks and for the names in it."""

import pytest

from knowledge.text.analysis import count_words
from knowledge.text.focus import focus_of

STORY = (
    "Hi all, we have run this for two years without trouble. Last week the boss decided to move everything to another "
    "data centre and I was asked to do it over the weekend, which I did with a colleague. Since then every dashboard "
    "is empty after a restart of node-7 and nobody can tell me why, although all of them look fine in the morning. "
    "How do I keep the history when the server moves? Thanks a lot in advance."
)


def log(lines: int, error: str) -> str:
    noise = [f"2026-03-04T10:{n // 60:02}:{n % 60:02}Z INFO worker request {n} ok" for n in range(lines)]
    return "\n".join([*noise[: lines // 2], error, *noise[lines // 2 :]])


@pytest.mark.parametrize("lines", [2, 8, 60, 2000])
def test_of_a_pasted_log_the_question_and_the_failure_are_kept(lines: int) -> None:
    pasted = log(lines, "2026-03-04T10:01:00Z ERROR ABC-4321 transfer aborted")
    focus = focus_of(f"My transfer fails. What does this mean?\n{pasted}")
    assert focus == "My transfer fails. What does this mean? ERROR ABC-4321 transfer aborted"


def test_lines_that_fail_alike_are_kept_once() -> None:
    pasted = "\n".join(f"2026-03-04 10:00:{n:02} ERROR request {n} refused by upstream" for n in range(50))
    assert focus_of(f"{pasted}\nwhy?").count("refused") == 1


def test_of_a_story_the_question_and_the_names_are_kept() -> None:
    focus = focus_of(STORY)
    assert "How do I keep the history when the server moves?" in focus
    assert "node-7" in focus
    assert count_words(focus) < count_words(STORY)


def test_of_yaml_the_names_are_kept() -> None:
    pasted = "kind: PersistentVolumeClaim\nmetadata:\n  name: data-0\nspec:\n  storageClassName: fast-ssd\n"
    focus = focus_of(f"{pasted}\nWhy is it pending?")
    assert focus.startswith("Why is it pending?")
    assert {"PersistentVolumeClaim", "storageClassName", "fast-ssd"} <= set(focus.split())


def test_of_a_trace_the_cause_is_kept() -> None:
    frames = "\n".join(f"  at com.example.Worker.run(Worker.java:{n})" for n in range(40))
    focus = focus_of(
        f"怎么解决？\njava.lang.IllegalStateException: boom\n{frames}\nCaused by: ABC-7 no lease\n{frames}"
    )
    assert "怎么解决" in focus
    assert "Caused by: ABC-7 no lease" in focus


def test_a_log_without_a_question_is_read_for_its_failure() -> None:
    assert focus_of(log(40, "10:00:00 FATAL cannot bind :9090")).startswith("FATAL cannot bind :9090")


@pytest.mark.parametrize(
    "question", ["", "?", "how do I reload it", "proxy_read_timeout", "怎么重启", "first line\nwhy?"]
)
def test_a_short_question_is_read_as_it_stands(question: str) -> None:
    assert focus_of(question) == question


@pytest.mark.parametrize(
    "piece", ["x ", "a", "中", "a-b ", "?", "\n", "Exception: x\n", "key: value\n", "why? ", "```\n"]
)
def test_however_long_it_is_little_is_searched_with(piece: str) -> None:
    assert len(focus_of(piece * 100_000)) <= 2000
