from knowledge.retrieval.passages import Candidate, pack, widen
from knowledge.text.analysis import count_words
from knowledge.types import Chunk, DocumentRef

DOCUMENTS = {
    name: DocumentRef(id=name, knowledge_base_id="kb", path=f"{name}.md", title=name, url="") for name in ("a", "b")
}


def chunks(document: str, *texts: str) -> list[Chunk]:
    start, made = 0, []
    for ordinal, text in enumerate(texts):
        made.append(
            Chunk(
                id=ordinal + (0 if document == "a" else 100),
                knowledge_base_id="kb",
                document_id=document,
                ordinal=ordinal,
                start=start,
                end=start + len(text),
                text=text,
                search_text=text,
                content_hash=text,
                heading_path=(f"part {ordinal}",),
                anchor=f"part-{ordinal}",
                kind="prose",
                language="en",
                page="",
            )
        )
        start += len(text)
    return made


def test_passages_are_numbered_best_first() -> None:
    (one,), (two,) = chunks("a", "one"), chunks("b", "two")
    passages = pack([Candidate(chunk=one, score=0.2), Candidate(chunk=two, score=0.9)], DOCUMENTS)
    assert [(passage.number, passage.text) for passage in passages] == [(1, "two"), (2, "one")]


def test_neighbouring_chunks_become_one_verbatim_passage() -> None:
    first, second, *_ = chunks("a", "one \n\n", "two\n", "three\n")
    passages = pack([Candidate(chunk=second, score=0.9), Candidate(chunk=first, score=0.5)], DOCUMENTS)
    assert [passage.text for passage in passages] == ["one \n\ntwo"]
    assert passages[0].chunk_ids == (first.id, second.id)
    assert (passages[0].start, passages[0].end) == (0, len("one \n\ntwo"))
    assert passages[0].anchor == second.anchor
    assert passages[0].score == 0.9


def test_budget_is_kept_and_a_shorter_chunk_fills_what_is_left() -> None:
    long, longer, short = chunks("a", "w " * 60, "v " * 60, "u " * 30)
    scored = [Candidate(chunk=each, score=score) for each, score in ((long, 0.9), (longer, 0.8), (short, 0.7))]
    passages = pack(scored, DOCUMENTS, 100)
    assert sum(count_words(passage.text) for passage in passages) == 90
    assert {passage.text[0] for passage in passages} == {"w", "u"}


def test_a_best_chunk_longer_than_the_budget_is_handed_over_all_the_same() -> None:
    (huge,) = chunks("a", "w " * 500)
    assert len(pack([Candidate(chunk=huge, score=1)], DOCUMENTS, 100)) == 1


def test_the_same_text_is_handed_over_once_and_unknown_documents_never() -> None:
    (one,), (copy,) = chunks("a", "same"), chunks("b", "same")
    (gone,) = chunks("c", "gone")
    scored = [Candidate(chunk=one, score=0.9), Candidate(chunk=copy, score=0.8), Candidate(chunk=gone, score=1)]
    assert [passage.document.id for passage in pack(scored, DOCUMENTS)] == ["a"]


def test_short_neighbour_of_a_good_chunk_is_pulled_in_and_a_long_one_is_not() -> None:
    short, good, long = chunks("a", "short one", "the good one", "w " * 200)
    scores = {each.chunk.ordinal: each.score for each in widen([Candidate(chunk=good, score=1.0)], [short, good, long])}
    assert scores[1] > scores[0] > 0
    assert 2 not in scores


def test_chunk_beside_a_good_one_gains() -> None:
    good, beside, apart = chunks("a", "g " * 100, "b " * 100, "a " * 100)
    (alone,) = chunks("b", "l " * 100)
    candidates = [Candidate(chunk=each, score=score) for each, score in ((good, 1.0), (beside, 0.5), (alone, 0.5))]
    scores = {each.chunk.id: each.score for each in widen(candidates, [])}
    assert scores[beside.id] > scores[alone.id]
    assert apart.id not in scores
    assert all(0 <= score <= 1 for score in scores.values())


def test_nothing_found_is_nothing_handed_over() -> None:
    assert pack(widen([], []), DOCUMENTS) == ()
