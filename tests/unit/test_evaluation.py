import json
from pathlib import Path

import pytest

from knowledge.errors import InvalidInput
from knowledge.evaluation import (
    GoldQuote,
    Outcome,
    Question,
    answer_covers,
    content_words,
    cover_rank,
    located,
    ndcg,
    quotes_found,
    read_questions,
    summarise,
    within,
)


def question(*needs: tuple[tuple[str, str], ...]) -> Question:
    return Question(
        id="q",
        text="?",
        kind="factoid",
        needs=tuple(tuple(GoldQuote(document=doc, quote=quote) for doc, quote in need) for need in needs),
    )


SINGLE = question((("a.md", "the quick fox"), ("b.md", "a fast fox")))
DOUBLE = question((("a.md", "the quick fox"),), (("b.md", "lazy dogs"),))


def test_any_alternative_covers_and_every_need_must_be() -> None:
    assert cover_rank(SINGLE, ["x.md", "b.md"]) == 2
    assert cover_rank(DOUBLE, ["a.md", "x.md", "b.md"]) == 3
    assert cover_rank(DOUBLE, ["a.md"]) == float("inf")


def test_ndcg_rewards_each_need_by_its_rank() -> None:
    assert ndcg(SINGLE, ["a.md"]) == 1
    assert ndcg(DOUBLE, ["a.md", "b.md"]) == 1
    assert 0 < ndcg(DOUBLE, ["a.md"]) < 1
    assert ndcg(SINGLE, ["x.md"]) == 0


def test_quote_is_found_over_folded_white_space_within_the_budget() -> None:
    assert quotes_found(SINGLE, ["see the  quick\nfox run"])
    assert not quotes_found(DOUBLE, ["the quick fox"])
    assert not quotes_found(SINGLE, ["word " * 1499 + "the quick fox"])


def test_budget_cuts_the_last_passage_and_counts_han_as_six_tenths() -> None:
    assert within(["one two three", "four"], 2) == ["one two"]
    assert within(["汉字汉字汉字"], 3) == ["汉字汉字汉"]


def test_answer_covers_by_seventy_percent_of_content_words() -> None:
    asked = question((("a.md", "restart the controller pods"),))
    assert answer_covers(asked, "You should be restarting controllers and pods. [1]") == 1
    assert answer_covers(asked, "restart everything") == 0
    assert answer_covers(asked, "word " * 150 + "restart controller pods") == 0


def test_content_words_are_stems_and_bigrams() -> None:
    assert content_words("The Pods are 容器组") == {"pod", "容器", "器组"}


def test_report_averages_over_what_each_figure_is_about() -> None:
    unanswerable = Question(id="u", text="?", kind="unanswerable", needs=())
    report = summarise(
        [
            (SINGLE, Outcome(documents=["a.md"], passages=["the quick fox"], answer="quick fox", verdict="answered")),
            (DOUBLE, Outcome(documents=["x.md", "a.md", "b.md"], passages=[], verdict="nothing")),
            (unanswerable, Outcome(documents=["a.md"], passages=[], verdict="nothing")),
        ]
    )
    assert (report.questions, report.unanswerable) == (2, 1)
    assert (report.hit_at_1, report.hit_at_5, report.quote_recall) == (0.5, 1.0, 0.5)
    assert report.mrr_at_10 == pytest.approx((1 + 1 / 3) / 2)
    assert (report.answer_cover, report.answered_rate) == (0.5, 0.5)
    assert (report.refusal_rate, report.wrong_refusal_rate) == (1.0, 0.5)


def test_answer_figures_are_absent_when_none_were_made() -> None:
    report = summarise([(SINGLE, Outcome(documents=[], passages=[]))])
    assert (report.answer_cover, report.answered_rate) == (None, None)
    assert (report.refusal_rate, report.wrong_refusal_rate) == (None, None)


def test_questions_are_read_with_alternatives_by_index_or_document(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "question": "q",
        "kind": "multihop",
        "answers": [{"doc": "a", "quote": "x"}, {"doc": "b", "quote": "y"}],
        "alternatives": [{"doc": "c", "quote": "z", "replaces": 1}, {"doc": "d", "quote": "w", "for": "a"}],
    }
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(row) + "\n\n" + json.dumps({"id": "2", "question": "r", "answers": []}), "utf-8")
    first, second = read_questions(path)
    assert [[each.document for each in need] for need in first.needs] == [["a", "d"], ["b", "c"]]
    assert not second.answerable


@pytest.mark.parametrize(
    "line", ["not json", "{}", '{"id": 1, "question": "q", "answers": [{"doc": "a"}]}', "[]", "[" * 100_000]
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": "1", "question": "q"}\n' + line, "utf-8")
    with pytest.raises(InvalidInput, match="Line 2"):
        read_questions(path)


def test_documents_are_found_under_paths_with_other_leading_folders() -> None:
    asked = [question((("guide/a.md", "x"),)), question((("b.md", "y"), ("c.md", "z")), (("gone.md", "w"),))]
    found, unknown = located(asked, ["docs/guide/a.md", "other/a.md", "one/b.md", "two/b.md", "c.md"])
    assert [[[each.document for each in need] for need in each.needs] for each in found] == [
        [["docs/guide/a.md"]],
        [["b.md", "c.md"], ["gone.md"]],
    ]
    assert unknown == ["b.md", "gone.md"]  # two fit b.md: neither is taken
    assert located([question((("top/docs/c.md", "x"),))], ["c.md"])[0][0].needs[0][0].document == "c.md"
    assert located([question((("a.md", "x"),))], ["a.md", "old/a.md"])[1] == []


def test_documents_are_found_below_another_leading_folder_where_most_agree_on_it() -> None:
    asked = [question(((name, "x"),)) for name in ("en/index.md", "en/a/index.md", "en/a/b.md", "en/c.md")]
    paths = ["docs/index.md", "docs/a/index.md", "docs/a/b.md", "docs/c.md", "docs/z/index.md"]
    found, unknown = located(asked, paths)
    assert unknown == []
    assert [each.needs[0][0].document for each in found] == paths[:4]
    bare = [question(((name, "x"),)) for name in ("index.md", "a/index.md", "a/b.md")]
    assert located(bare, paths)[1] == []
    assert located([question((("en/index.md", "x"),))], paths)[1] == ["en/index.md"]  # one alone says too little
