"""A follow-up question carries over what the last turns were about, and a question of its own stays as it is."""

import pytest

from knowledge.retrieval.followup import contextualise, is_elliptic


@pytest.mark.parametrize(
    ("question", "earlier", "carried"),
    [
        ("and how do I disable it?", ["How do I enable self heal in Argo CD?"], ["self", "heal", "Argo"]),
        ("what about Helm?", ["How do I set the sync wave of a kustomize app?"], ["sync", "wave"]),
        ("why?", ["does the repo server honour a ~/.gitconfig?"], ["repo", "server", "gitconfig"]),
        ("how do I set it in argocd-cm?", ["what is the resource tracking method"], ["tracking", "method"]),
        ("那怎么回滚？", ["Deployment 滚动更新卡住了怎么办"], ["Deployment"]),
        ("它的默认值是多少", ["`--self-heal-timeout-seconds` 是干什么的"], ["--self-heal-timeout-seconds"]),
        ("does that work with auto-sync enabled?", ["How do I protect an application from pruning?"], ["pruning"]),
        (
            "can I use this with a private Git repository over SSH?",
            ["How do I declare a Helm chart?"],
            ["Helm", "chart"],
        ),
        ("can you give an example in yaml?", ["How do I ignore differences of replicas?"], ["replicas"]),
        ("how do I undo that change in production?", ["How do I rotate the admin password?"], ["password"]),
        ("那 StatefulSet 呢？", ["删除 Deployment 时怎么保留 Pod"], ["Pod", "保留"]),
        *(
            (question, ["How do I roll back Orchid?"], ["Orchid"])
            for question in (
                "and for staging?",
                "why?",
                "how do I undo that?",
                "那怎么撤销？",
                "what about XFER-4322?",
                "how big is its disk?",
                "what is the timeout?",
                "what is the default?",
                "what's next?",
                "list options",
                "explain in detail",
                "thanks, how does it work?",
                "how do I undo it and is it safe?",
                "what does it mean?",
                "原因是什么？",
                "它是什么？",
            )
        ),
    ],
)
def test_an_elliptic_question_gets_the_subject_of_the_last_turn(question, earlier, carried):
    whole = contextualise(question, earlier)
    assert whole.startswith(question)
    for word in carried:
        assert word in whole.removeprefix(question)


def test_what_the_earlier_question_wanted_done_is_not_carried():
    assert "enable" not in contextualise("and how do I disable it?", ["How do I enable self heal?"])


def test_a_chain_of_elliptic_turns_reaches_back_to_the_subject():
    whole = contextualise("怎么关掉", ["kubectl port-forward 怎么开", "它监听哪个地址"])
    assert "port-forward" in whole


def test_what_the_question_says_itself_is_not_repeated():
    assert contextualise("and Helm?", ["which version of Helm is bundled"]).lower().count("helm") == 1


@pytest.mark.parametrize(
    "question",
    [
        "How does the webhook secret of GitHub get configured in Argo CD?",
        "does the repo server honour a ~/.gitconfig?",
        "SSO login dies with `invalid cookie` but only for a couple of people, what causes that?",
        "argocd app diff exit codes",
        "rollback",
        "回滚",
        "is it possible to run the controller in HA mode",
        "is it safe to delete the namespace?",
        "is there a way to rotate keys?",
        "list apps that are degraded",
        "my pod is stuck and it never becomes ready",
        "does this version support Kubernetes 1.29?",
        "kubeadm 装的集群证书快到期了，一条命令全部续上",
        "pod 一直 CrashLoopBackOff，怎么看它崩之前那一次打的日志",
        "What is a histogram?",
        "what is alerting",
        "What's a counter?",
        "What is federation?",
        "What are exporters?",
        "Explain histograms",
        "List exporters",
        "tell me about exporters",
        "How does federation work?",
        "What does federation mean?",
        "什么是直方图？",
        "直方图是什么？",
        "解释一下直方图",
        "列出导出器",
        "Who owns node-04 and how big is its disk?",
        "What is a counter and when does it reset?",
        "Does node-04 share its disk?",
        "node-04 归谁，它的磁盘多大？",
        "node-04 和它的磁盘",
    ],
)
def test_a_question_that_stands_alone_is_unchanged(question):
    assert not is_elliptic(question)
    assert contextualise(question, ["How do I enable self heal in Argo CD?"]) == question


@pytest.mark.parametrize("question", ["", "?", "and how do I disable it?", "那怎么回滚？"])
def test_without_earlier_questions_nothing_changes(question):
    assert contextualise(question, []) == question


def test_earlier_questions_without_content_change_nothing():
    assert contextualise("why?", ["?", "??"]) == "why?"


@pytest.mark.parametrize(
    ("question", "earlier"),
    [
        ("And ABC-4324?", ["What does ABC-4321 mean?"]),
        ("what about 10.42.1.7?", ["Which relay has the address 10.42.17.7?"]),
        ("and --verify-depth?", ["What does --no-verify do?"]),
        ("and proxy_send_timeout?", ["What is the default of proxy_read_timeout?"]),
        ("ABC-4324 呢？", ["ABC-4321 是什么意思"]),
    ],
)
def test_another_name_of_the_kind_takes_the_place_of_the_one_before(question, earlier):
    whole = contextualise(question, earlier)
    for name in ("4321", "10.42.17.7", "no-verify", "read_timeout"):
        assert name not in whole


def test_what_is_asked_next_is_about_the_name_asked_last():
    whole = contextualise("How do I mend it?", ["What does ABC-4321 mean?", "And ABC-4324?"])
    assert "ABC-4324" in whole
    assert "ABC-4321" not in whole


def test_a_question_that_points_back_keeps_the_name_it_points_to():
    assert "--no-verify" in contextualise("does it work with --dry-run?", ["what does --no-verify do"])
