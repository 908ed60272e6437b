import threading

import pytest

from knowledge.text.analysis import count_words, index_terms, is_identifier, language_of, query_terms


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I roll back a release?", "en"),
        ("HPA 想按每个 Pod 的 QPS 扩，metrics 的 type 写哪一种", "zh"),
        ("kubectl rollout undo deployment/web --to-revision=3", "en"),
        ("Как перезапустить сервер приложений?", "other"),
        ("サーバーを再起動するにはどうすればいいですか", "other"),
        ("Wie kann ich die Anwendung auf dem Server für alle Nutzer zurücksetzen, müsste möglich sein", "other"),
        ("", "en"),
        ("12 34", "en"),
    ],
)
def test_language_follows_script_and_accents(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("set `proxy_read_timeout` to 60", "proxy_read_timeout"),
        ("set `proxy_read_timeout` to 60", "read timeout"),
        ("pass --dry-run=server first", "--dry-run=server"),
        ("pass --dry-run=server first", "dry-run"),
        ("the kube-apiserver flag", "kube-apiserver"),
        ("limits.memory is 1Gi", "limits.memory"),
        ("an HTTPRoute object", "httproute"),
        ("an HTTPRoute object", "http route"),
        ("uses volumeBindingMode here", "volume binding mode"),
        ("open a PR", "open PRs"),
        ("Rolling back releases", "rollback of a release, rolled back"),
        ("滚动更新的步骤", "滚动 更新"),
        ("ｋｕｂｅｃｔｌ 命令", "kubectl"),
    ],
)
def test_what_is_asked_finds_what_is_written(written: str, asked: str) -> None:
    assert set(query_terms(asked)) & set(index_terms(written))


def test_identifier_is_kept_whole_and_cut_into_parts() -> None:
    assert index_terms("proxy_read_timeout") == ["proxy_read_timeout", "proxi", "read", "timeout"]


def test_whole_identifier_must_match_for_its_own_term() -> None:
    assert "limits.memory" in query_terms("limits.memory")
    assert "limits.memory" not in index_terms("requests.memory")


def test_stop_words_of_both_languages_are_left_out() -> None:
    assert query_terms("how do I use the 怎么 的 gateway") == ["use", "gateway"]


def test_question_of_stop_words_alone_asks_for_nothing() -> None:
    assert query_terms("what is it") == []


def test_version_numbers_stay_whole() -> None:
    assert index_terms("on 1.34 or v2beta1") == ["1.34", "v2beta1"]


@pytest.mark.parametrize("word", ["proxy_read_timeout", "kube-apiserver", "HTTPRoute", "volumeBindingMode", "v1beta1"])
def test_names_of_machines_are_identifiers(word: str) -> None:
    assert is_identifier(word)


@pytest.mark.parametrize("word", ["rollback", "Kubernetes", "HPA", "回滚"])
def test_plain_words_are_not_identifiers(word: str) -> None:
    assert not is_identifier(word)


def test_han_characters_count_six_tenths_of_a_word() -> None:
    assert count_words("两个字 and two") == pytest.approx(3 * 0.6 + 2)


@pytest.mark.parametrize("text", ["\x00\x00", "\ud800", "a" * 1_000_000, "-" * 10_000, "._/" * 1000, "😀" * 100])
def test_any_text_is_analysed(text: str) -> None:
    assert all(len(term) <= 80 for term in index_terms(text))


def test_threads_do_not_disturb_each_other() -> None:
    words = [f"{prefix}izations{number}" for number in range(50) for prefix in ("organ", "real")]
    text = " ".join(words) + " deployments releasing controllers"
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(index_terms(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results)


def test_a_flag_of_one_letter_is_a_word_and_its_capital_another() -> None:
    assert len(set(query_terms("-o and -O"))) == 2
    assert query_terms("-o") == index_terms("`-o` ")
    assert not set(query_terms("-o")) & set(index_terms("a-o, --o, b -- o, -output and -O"))
