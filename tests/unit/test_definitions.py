"""Questions that ask what a thing is are told from others, and so are the sentences that say it."""

import pytest

from knowledge.text.definitions import best_definition, definition, subject_of


@pytest.mark.parametrize(
    ("question", "same_as"),
    [
        ("what is a sync window", "sync window"),
        ("What's an Ingress?", "ingress"),
        ("What are sync windows used for?", "sync window"),
        ("what does selfHeal do?", "selfHeal"),
        ("What does CRI stand for", "CRI"),
        ("define drift", "drift"),
        ("什么是 Ingress？", "ingress"),
        ("Pod 是什么", "pod"),
        ("etcd 有什么作用？", "etcd"),
        ("解释一下服务网格", "什么是服务网格"),
    ],
)
def test_what_is_asked_to_be_explained(question: str, same_as: str) -> None:
    expected = subject_of(same_as) or subject_of(f"what is {same_as}")
    assert subject_of(question) == expected
    assert expected


@pytest.mark.parametrize(
    "question",
    [
        "How do I roll back?",
        "which ports are open",
        "如何回滚",
        "",
        "what is",
        "what is the",
        "what is " + "x y " * 2000,
    ],
)
def test_other_questions_have_no_subject(question: str) -> None:
    assert subject_of(question) == frozenset()


WINDOW = subject_of("what is a sync window")


@pytest.mark.parametrize(
    ("sentence", "share"),
    [
        ("Sync windows are configurable windows of time.", 1.0),
        ("- **Sync window** means a span of time.", 1.0),
        ("A sync window (also: maintenance slot) is a span of time.", 1.0),
        ("A maintenance slot (sync window) is a span of time.", 1.0),
        ("The sync window controller is a process.", 2 / 3),
        ("A sync window is not a cron job.", 0.0),
        ("If a sync window is active, syncs are blocked.", 0.0),
        ("Open the sync window page.", 0.0),
        ("The application is synced in its window.", 0.0),
        ("", 0.0),
    ],
)
def test_sentences_that_say_what_a_thing_is(sentence: str, share: float) -> None:
    assert definition(sentence, WINDOW) == pytest.approx(share)


@pytest.mark.parametrize(
    ("sentence", "share"),
    [
        ("服务网格是用于处理服务间通信的专用基础设施层。", 1.0),
        ("**Service Mesh**（服务网格）是一层基础设施。", 1.0),
        ("服务网格不是银弹。", 0.0),
        ("如果服务网格是必需的，请先安装。", 0.0),
    ],
)
def test_chinese_sentences(sentence: str, share: float) -> None:
    assert definition(sentence, subject_of("什么是服务网格")) == pytest.approx(share)


def test_the_best_sentence_of_a_text_counts_and_nothing_without_a_subject() -> None:
    text = "# Windows\n\nOpen the page first. Sync windows are spans of time.\n\n- more\n"
    assert best_definition(text, WINDOW) == 1.0
    assert best_definition(text, frozenset()) == 0.0
    assert definition("Sync windows are spans.", frozenset()) == 0.0
