"""Answers quote what speaks to the question, word for word, within the budget, and say when nothing does."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge.answering import Answerer
from knowledge.answering.answerer import extract
from knowledge.answering.confidence import confidence_of, read_signals
from knowledge.answering.evidence import weigh_terms
from knowledge.errors import EmbedderUnavailable
from knowledge.retrieval.retriever import SearchResult
from knowledge.types import Chunk, DocumentRef, Hit, Passage

SELF_HEAL = (
    "Automated sync keeps an application as Git says.\n\n"
    "The sync is attempted again after the self-heal timeout, 5 seconds by default. It is set by a flag:\n\n"
    "```bash\nargocd-application-controller --self-heal-timeout-seconds 10\n```\n\n"
    "Unrelated remarks about colours follow here. Nobody needs them for anything at all.\n"
)
PORTS = (
    "Ports of a node:\n\n| Port | Use |\n|------|-----|\n| 10250 | kubelet API |\n| 10255 | kubelet read-only port |\n"
    "| 30000 | NodePort services |\n"
)
BACKUP = "Backups are taken with argocd admin export. They hold all applications and projects of the installation.\n"
CHINESE = "已创建的 Pod 不可更改其 ServiceAccount。缩容 StatefulSet 不会删除存储卷。需要手动清理。\n"


def found(*texts, language="en", score=0.9):
    """A search result in which each text is a document of one chunk and one passage, the best first."""
    hits, passages = [], []
    for number, text in enumerate(texts, start=1):
        title = f"Page {number}"
        first = text.partition("\n")[0]
        headings = (first.lstrip("# "),) if first.startswith("#") else ()
        document = DocumentRef(id=str(number), knowledge_base_id="k", path=f"p{number}.md", title=title, url="")
        chunk = Chunk(
            id=number,
            knowledge_base_id="k",
            document_id=str(number),
            ordinal=0,
            start=100,
            end=100 + len(text),
            text=text,
            search_text=f"{title}\n{text}",
            content_hash=str(number),
            heading_path=headings,
            anchor="",
            kind="prose",
            language=language,
            page="",
        )
        strength = score - 0.1 * (number - 1)
        hits.append(Hit(chunk=chunk, document=document, score=strength, rank=number, parts={"lexical": strength}))
        passages.append(
            Passage(
                number=number,
                document=document,
                heading_path=headings,
                anchor="",
                text=text.rstrip(),
                start=100,
                end=100 + len(text.rstrip()),
                score=strength,
                chunk_ids=(number,),
            )
        )
    return SearchResult(hits=tuple(hits), passages=tuple(passages), language=language, degraded=())


class KeywordEmbedder:
    """Means one thing by every text that holds the keyword and another by all the rest."""

    name = "keyword"
    dimension = 2
    languages = frozenset({"en", "zh"})

    def __init__(self, keyword, fails=False):
        self._keyword, self._fails = keyword, fails

    def embed_documents(self, texts):
        return np.array([self.embed_query(text) for text in texts], dtype=np.float32)

    def embed_query(self, text):
        if self._fails:
            raise EmbedderUnavailable("gone")
        return np.array([1, 0] if self._keyword in text else [0, 1], dtype=np.float32)


def assert_verbatim(segments, result):
    for segment in segments:
        passage = next(each for each in result.passages if each.number == segment.number)
        assert passage.text[segment.start - passage.start : segment.end - passage.start] == segment.text


def test_the_answering_sentence_and_its_code_are_quoted_with_their_introduction():
    result = found(SELF_HEAL, BACKUP)
    answer = Answerer().answer("what is the default self-heal timeout and which flag sets it?", result, word_budget=30)
    assert answer.verdict == "answered"
    assert_verbatim(answer.segments, result)
    text = " ".join(segment.text for segment in answer.segments)
    assert "5 seconds by default" in text
    assert "--self-heal-timeout-seconds 10" in text
    assert text.index("It is set by a flag:") < text.index("--self-heal-timeout-seconds 10")


def test_a_row_of_a_table_comes_with_its_header():
    result = found(PORTS, BACKUP)
    segments = extract("what is port 10255 of the kubelet for, read-only?", result, word_budget=16)
    assert_verbatim(segments, result)
    assert [segment.block for segment in segments] == ["sentence", "table", "table"]
    assert segments[1].text.startswith("| Port | Use |")
    assert "10255" in segments[2].text


WINDOWS = (
    "# Relationship between sync windows and projects\n\n"
    "Sync windows of a project are kept in its definition, sync windows of others are not.\n\n"
    "# Sync settings\n\n"
    "Sync windows are configurable spans of time in which syncs are blocked or allowed.\n"
)


def test_what_a_thing_is_begins_with_the_sentence_that_says_so():
    for question in ("what is a sync window", "What are sync windows?"):
        segments = extract(question, found(WINDOWS, BACKUP), word_budget=13)
        assert [segment.text for segment in segments] == [
            "Sync windows are configurable spans of time in which syncs are blocked or allowed."
        ]


def test_a_line_that_introduces_is_quoted_with_what_it_introduces_or_not_at_all():
    steps = "To restore the cluster from a snapshot with velero, do this:\n\n1. Stop writers.\n2. Run the tool.\n"
    segments = extract("restore the cluster from a snapshot with velero", found(steps), word_budget=40)
    assert [segment.block for segment in segments] == ["sentence", "list"]
    assert "Run the tool." in segments[1].text
    ends = "Snapshots are kept for a week by velero.\n\nTo restore the snapshots of velero, do this:\n"
    segments = extract("for how long are snapshots kept by velero?", found(ends), word_budget=40)
    assert [segment.text for segment in segments] == ["Snapshots are kept for a week by velero."]


def test_of_two_pages_that_say_it_the_one_that_is_no_proposal_is_quoted():
    proposed = "Syncs should be retried five times before they fail for good.\n"
    result = found(proposed, "Syncs are retried five times before they fail for good, with pauses.\n")
    assert extract("how often are syncs retried before they fail?", result, word_budget=12)[0].number == 1
    passages = (
        replace(result.passages[0], document=replace(result.passages[0].document, path="docs/proposals/retry.md")),
        result.passages[1],
    )
    behind = replace(result, passages=passages)
    assert extract("how often are syncs retried before they fail?", behind, word_budget=12)[0].number == 2


@pytest.mark.parametrize("budget", [8, 10, 12, 16, 40])
def test_a_header_is_not_quoted_without_a_row(budget):
    segments = extract("ports of a node and their use", found(BACKUP, PORTS), word_budget=budget)
    text = "\n".join(segment.text for segment in segments)
    assert "| Port |" not in text or "kubelet" in text or "NodePort" in text


def test_chinese_is_quoted_sentence_by_sentence():
    result = found(CHINESE, SELF_HEAL, language="zh")
    segments = extract("StatefulSet 缩容之后存储卷会删除吗", result, word_budget=10)
    assert segments[0].text == "缩容 StatefulSet 不会删除存储卷。"
    assert_verbatim(segments, result)


@pytest.mark.parametrize("budget", [10, 25, 60, 150])
def test_the_budget_of_words_is_kept(budget):
    segments = extract("self-heal timeout default and backups", found(SELF_HEAL, BACKUP), word_budget=budget)
    assert sum(len(segment.text.split()) for segment in segments) <= max(budget, 13)


def test_two_documents_can_share_an_answer_each_with_its_number():
    result = found(SELF_HEAL, BACKUP)
    segments = extract("default self-heal timeout, and how are backups of applications taken?", result)
    assert {segment.number for segment in segments} == {1, 2}


def test_what_was_said_is_not_said_again():
    segments = extract("how are backups taken?", found(BACKUP, BACKUP + "And restored by import.\n"))
    assert sum("argocd admin export" in segment.text for segment in segments) == 1


def test_meaning_finds_what_words_do_not():
    result = found("One sentence about ducks. Another one about geese. A last one concerning swans.\n")
    segments = extract("geese", result, KeywordEmbedder("swans"), word_budget=6)
    assert segments[0].text == "Another one about geese."
    by_meaning = extract(
        "which bird is white like swans in fairy tales?", result, KeywordEmbedder("swans"), word_budget=6
    )
    assert by_meaning[0].text == "A last one concerning swans."


def test_a_question_about_a_thing_that_is_nowhere_named_is_not_answered():
    result = found(SELF_HEAL, BACKUP, score=0.6)
    answer = Answerer().answer("how do I open a Jira ticket with Zendesk?", result)
    assert answer.verdict != "answered"
    assert [each.path for each in answer.nearest] == ["p1.md", "p2.md"]
    assert 0 <= answer.confidence < 0.5


def test_a_misspelt_word_is_not_a_thing_that_is_missing():
    right = Answerer().answer("default timeout of automated sync", found(SELF_HEAL, BACKUP))
    wrong = Answerer().answer("default timeout of automaetd sync", found(SELF_HEAL, BACKUP))
    foreign = Answerer().answer("default timeout of Kerberos sync", found(SELF_HEAL, BACKUP))
    assert right.confidence >= wrong.confidence > foreign.confidence


def test_nothing_found_is_said_plainly():
    answer = Answerer().answer("anything?", SearchResult(hits=(), passages=(), language="en", degraded=()))
    assert answer.verdict == "nothing"
    assert answer.confidence == 0
    assert answer.nearest == ()


@pytest.mark.parametrize("question", ["", "???", "的", "a" * 5000, "\x00\ud800".encode("utf-8", "replace").decode()])
def test_strange_questions_are_taken_in_stride(question):
    Answerer().answer(question, found(SELF_HEAL, CHINESE))


def test_an_embedder_that_fails_leaves_the_words():
    result = found(SELF_HEAL, BACKUP)
    question = "what is the default self-heal timeout and which flag sets it?"
    assert Answerer(KeywordEmbedder("x", fails=True)).answer(question, result) == Answerer().answer(question, result)


def test_a_base_of_one_short_page_answers_what_it_says():
    result = found("The default port of the web interface is 8501. Set it with `--port`.\n")
    assert Answerer().answer("what is the default port of the web interface?", result).verdict == "answered"
    assert Answerer().answer("how do I configure LDAP with Kerberos?", result).verdict != "answered"


def test_a_telling_word_counts_less_against_an_answer_when_the_page_holds_it_elsewhere():
    question = "What is the self-heal timeout of Zookeeper?"
    same, other = found(SELF_HEAL, "Zookeeper is named here."), found(SELF_HEAL, "Zookeeper is named here.")
    first = same.hits[0]
    same = replace(same, hits=(first, replace(same.hits[1], document=first.document)))

    def signals(result):
        return read_signals(question, result.hits, weigh_terms(question, result.hits))

    assert signals(same).absent == 0 < signals(other).absent
    assert signals(same).held > signals(other).held
    assert confidence_of(signals(same)) > confidence_of(signals(other))


def test_the_question_quoted_as_a_question_is_no_answer() -> None:
    question = "How do I build a knowledge base from a folder?"
    example = f'Choose a base and ask, for example, "{question}" in the field below.\n'
    told = "Name the base and the folder on the command line, and the knowledge base is built from all files in it.\n"
    answer = extract(question, found(example, told))
    assert answer[0].text == told.strip()


class Bilingual:
    """An embedder to which everything about one subject is the same, whatever the language."""

    name, dimension, languages = "bilingual", 2, frozenset({"en", "zh"})

    def embed_documents(self, texts):
        return np.array([[1, 0] if "port" in text or "端口" in text else [0, 1] for text in texts], dtype=np.float32)

    def embed_query(self, text):
        return self.embed_documents([text])[0]


def test_what_is_said_is_not_said_again_in_another_language() -> None:
    english = "The option names the port of the browser interface.\n"
    chinese = "该选项指定浏览器界面的 port 端口。\n"
    answer = extract("Which option names the port of the interface?", found(english, chinese), Bilingual())
    assert [segment.text for segment in answer] == [english.strip()]
    answer = extract("哪个选项指定界面的 port 端口？", found(chinese, english), Bilingual())
    assert [segment.text for segment in answer] == [chinese.strip()]


def test_a_question_about_the_very_subject_of_a_base_is_answered() -> None:
    pages = [f"An application is what this product keeps in step; part {number} of it.\n" for number in range(40)]
    answer = Answerer().answer("what is an application?", found(*pages[:9], score=1.0))
    assert answer.verdict == "answered"


def test_a_section_whose_heading_asks_the_question_is_the_answer_and_nothing_beside_it() -> None:
    guide = (
        "## Change the port\n\nGive `--port` a number that nobody uses.\n\n"
        "## Build\n\nPress the button and wait. The port of the worker is none of your business.\n"
    )
    answer = extract("change the port", found(guide, "To change a build, or the port of a node, ask the owner.\n"))
    assert [segment.text for segment in answer] == ["Give `--port` a number that nobody uses."]


@pytest.mark.parametrize("question", ["what is an application", "how do applications sync?"])
def test_words_that_every_page_holds_are_answered_when_one_holds_them_all(question: str) -> None:
    pages = [f"An application has a source and is synced to cluster {number}.\n" for number in range(5)]
    assert Answerer().answer(question, found(*pages)).verdict == "answered"


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        ("Prometheus 有哪些指标类型？", "closest"),  # every page holds the only word that they share
        ("什么是直方图？", "closest"),
        ("Prometheus 的 gauge 是什么？", "answered"),
        ("gauge 是什么？", "answered"),
    ],
)
def test_a_name_alone_does_not_answer_a_question_in_another_language(question: str, verdict: str) -> None:
    pages = [f"Prometheus is started with a file of settings; this is part {number} of it.\n" for number in range(8)]
    first = "A gauge of Prometheus is a number that goes up and down.\n" if "gauge" in question else pages[0]
    result = found(first, *pages, score=1.0)
    assert Answerer().answer(question, result).verdict == verdict
    chinese = [f"Prometheus 有四种指标类型，直方图是其中一种，这是第 {number} 页。\n" for number in range(3)]
    if verdict == "closest":
        assert Answerer().answer(question, found(*chinese, language="zh", score=1.0)).verdict == "answered"
