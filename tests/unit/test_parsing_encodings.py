"""Encodings are found, and what no store can hold is taken out."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.parsing.decoding import clean, decode

SIMPLIFIED = "重启服务需要管理员权限，请联系运维。\n部署失败时查看日志 kubectl logs。\n"
TRADITIONAL = "重新啟動服務需要管理員權限，請聯絡維運。\n部署失敗時查看日誌 kubectl logs。\n"
FRENCH = "Le déploiement a échoué : délai dépassé à 10 h. Vérifiez l'état du réseau.\n"
RUSSIAN = "Развертывание приложения завершилось с ошибкой, проверьте журнал событий.\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "utf-8"), (SIMPLIFIED, "utf-8-sig"), (SIMPLIFIED, "utf-16"), (SIMPLIFIED, "gb18030"),
        (SIMPLIFIED * 40, "gbk"), ("日志: 错误\n", "gb18030"), (TRADITIONAL, "big5"), (FRENCH, "latin-1"),
        (FRENCH, "cp1252"), (RUSSIAN, "cp1251"), ("plain ascii\n", "utf-16-le"), ("plain ascii\n", "utf-16-be"),
        ("plain ascii\n", "utf-32"), ("x" * 400_000 + "\n" + SIMPLIFIED, "gb18030"),
    ],
)  # fmt: skip
def test_encoding_is_found(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert decoded is not None
    assert decoded.text == text


def test_some_broken_bytes_do_not_make_utf8_something_else() -> None:
    decoded = decode(SIMPLIFIED.encode() * 20 + b"\xff" + "结尾".encode()[:-1])
    assert decoded is not None
    assert decoded.text.startswith(SIMPLIFIED)
    assert any("could not be decoded" in warning for warning in decoded.warnings)


def test_control_characters_and_colours_are_removed_with_a_warning() -> None:
    decoded = decode(b"\x1b[31mERROR\x1b[0m bad\x00 thing \x08happened\r\nnext\x0cpage\rlast\n")
    assert decoded is not None
    assert decoded.text == "ERROR bad thing happened\nnext\npage\nlast\n"
    assert decoded.warnings == ("control characters were removed",)


def test_line_ends_alone_are_no_reason_to_warn() -> None:
    decoded = decode(b"a\r\nb\rc\n")
    assert decoded is not None
    assert (decoded.text, decoded.warnings) == ("a\nb\nc\n", ())


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\x00" * 1000, codecs.BOM_UTF8[:0] + b"\x01\x02\x03" * 99])
def test_bytes_that_are_no_text_are_none(data: bytes) -> None:
    assert decode(data) is None


@given(st.binary(max_size=2_000))
def test_decoding_never_raises_and_what_comes_out_can_be_stored(data: bytes) -> None:
    decoded = decode(data)
    if decoded is not None:
        decoded.text.encode("utf-8")
        assert "\x00" not in decoded.text
        assert "\r" not in decoded.text


@given(st.text(alphabet=st.characters(), max_size=500))
def test_cleaning_is_done_once_and_for_all(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    assert "\r" not in cleaned
