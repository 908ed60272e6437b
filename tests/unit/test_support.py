"""A passage supports a sentence when it holds its figures and names and most of its words."""

import numpy as np
import pytest

from knowledge.answering.support import Source, supports

SELF_HEAL = (
    "If the `selfHeal` flag is set to true, then the sync will be attempted again after self-heal timeout (5 seconds by"
    " default) which is controlled by the `--self-heal-timeout-seconds` flag of the `argocd-application-controller`"
    " deployment. Rollback cannot be performed against an application with automated sync enabled."
)
STORAGE = (
    "NodePort 会在每个节点上开放一个端口（默认范围 30000-32767）。"
    "已创建的 Pod 不可更改其 ServiceAccount。PVC 只能增加容量，不能减少。"
)


class OneMeaning:
    """An embedder to which every text about rolling back means the same, and all others something else."""

    name = "one-meaning"
    dimension = 2
    languages = frozenset({"en", "zh"})

    def embed_documents(self, texts):
        return np.array([self.embed_query(text) for text in texts], dtype=np.float32)

    def embed_query(self, text):
        about = "rollback" in text.lower() or "回滚" in text
        return np.array([1.0, 0.0] if about else [0.0, 1.0], dtype=np.float32)


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("The sync is attempted again after 5 seconds by default. [1]", SELF_HEAL),
        ("When self heal is switched on, Argo CD tries to sync once more after five seconds [1].", SELF_HEAL),
        ("You cannot roll back an application whose automated sync is enabled [1].", SELF_HEAL),
        ("NodePort 默认从 30000-32767 里分配 [1]。", STORAGE),
        ("已创建的 Pod 不能更改 ServiceAccount。", STORAGE),
    ],
)
def test_what_the_passage_says_is_supported_in_other_words_too(sentence, passage):
    verdict = supports(sentence, passage)
    assert verdict.supported
    assert verdict.missing == ()


@pytest.mark.parametrize(
    ("sentence", "passage", "missing"),
    [
        ("The sync is attempted again after 10 seconds [1].", SELF_HEAL, "10"),
        ("The timeout is set by `--self-heal-interval` on the controller [1].", SELF_HEAL, "--self-heal-interval"),
        ("The `selfHeal` flag is set to false [1].", SELF_HEAL, "false"),
        (
            "Set it on the argocd-repo-server deployment, then the sync is attempted again.",
            SELF_HEAL,
            "argocd-repo-server",
        ),
        ("NodePort 默认从 20000-32767 里分配。", STORAGE, "20000"),
        ("PVC 用 `--grow` 增加容量。", STORAGE, "--grow"),
    ],
)
def test_a_figure_flag_or_name_that_the_passage_lacks_is_named(sentence, passage, missing):
    verdict = supports(sentence, passage)
    assert not verdict.supported
    assert missing in verdict.missing


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("Rollback can be performed against an application with automated sync enabled [1].", SELF_HEAL),
        ("PVC 可以减少容量。", STORAGE),
        ("Bananas are rich in potassium.", SELF_HEAL),
        ("香蕉富含钾元素。", STORAGE),
    ],
)
def test_the_contrary_and_the_unrelated_are_not_supported(sentence, passage):
    assert not supports(sentence, passage).supported


def test_what_was_read_of_a_passage_for_one_sentence_changes_nothing_for_the_next():
    sentences = ("It is tried again after 10 seconds.", "Rollback works with automated sync.", "`selfHeal` is false.")
    source = Source(SELF_HEAL)
    assert [supports(each, source) for each in sentences] == [supports(each, SELF_HEAL) for each in sentences]


def test_a_sentence_in_another_language_needs_an_embedder_that_knows_both():
    assert not supports("自动同步的应用无法回滚。", SELF_HEAL).supported
    assert supports("自动同步的应用无法回滚。", SELF_HEAL, OneMeaning()).supported


def test_meaning_does_not_make_up_for_a_wrong_figure():
    assert not supports("回滚要 10 秒。", SELF_HEAL, OneMeaning()).supported


def test_numbers_are_compared_by_value_not_by_spelling():
    assert supports("The limit is 1500 words.", "A limit of 1,500 words holds.").supported
    assert supports("It needs three nodes.", "It needs 3 nodes.").supported
    assert supports("Throttled since v1.5.3.", "Attempts are throttled since ArgoCD 1.5.3").supported


@pytest.mark.parametrize("sentence", ["", "[1]", "…"])
def test_a_sentence_that_states_nothing_is_supported(sentence):
    assert supports(sentence, SELF_HEAL).supported


def test_an_empty_passage_supports_no_statement():
    assert not supports("The sync is attempted again.", "").supported
