"""Secrets at rest: sealed with a key that stands apart, opened with any key at hand, never shown by accident."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.accounts.sealing import Sealer, Secret
from backend.errors import SecretUnreadable, SettingsInvalid
from backend.settings import load_settings

KEY, OTHER = "k" * 32, "another key of more than 32 letters"
POSIX = pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secret.key"


def test_what_was_sealed_is_opened_and_shows_nothing_of_itself(key_file: Path) -> None:
    sealer = Sealer(key_file)
    secret = sealer.seal("sk-很秘密")
    assert sealer.open(secret) == "sk-很秘密"
    assert sealer.seal("sk-很秘密") != secret, "equal keys must not be seen to be equal"
    assert "sk-" not in f"{secret.stored}{secret!r}"


def test_nothing_is_nothing_and_needs_no_key(key_file: Path) -> None:
    sealer = Sealer(key_file)
    assert not sealer.seal("")
    assert sealer.open(Secret()) == ""
    assert not key_file.exists()


@POSIX
def test_the_key_file_is_made_for_its_owner_alone(key_file: Path) -> None:
    sealer = Sealer(key_file)
    sealer.seal("x")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not sealer.is_exposed()
    key_file.chmod(0o644)
    assert sealer.is_exposed()


def test_who_begins_at_once_shares_one_key(key_file: Path) -> None:
    sealers = [Sealer(key_file) for _ in range(8)]
    with ThreadPoolExecutor(8) as executor:
        secrets = list(executor.map(lambda sealer: sealer.seal("x"), sealers))
    assert [Sealer(key_file).open(secret) for secret in secrets] == ["x"] * 8


def test_with_another_key_it_says_to_enter_it_again(key_file: Path, tmp_path: Path) -> None:
    secret = Sealer(key_file).seal("sk-1")
    for elsewhere in (Sealer(tmp_path / "none"), Sealer(tmp_path / "none", [OTHER])):
        with pytest.raises(SecretUnreadable, match="Enter the key again"):
            elsewhere.open(secret)
    assert not (tmp_path / "none").exists(), "opening makes no key"


def test_a_key_file_of_somebody_else_is_named(key_file: Path) -> None:
    key_file.mkdir(parents=True)  # nobody can read a folder
    with pytest.raises(SecretUnreadable, match=r"secret\.key cannot be read"):
        Sealer(key_file).seal("x")
    assert Sealer(key_file).renewed(Secret("plain")) is None


def test_plain_text_is_read_and_a_change_is_refused(key_file: Path) -> None:
    sealer = Sealer(key_file, [KEY])
    assert sealer.open(Secret("sk-plain")) == "sk-plain"
    sealed = sealer.seal("sk-1").stored
    with pytest.raises(SecretUnreadable):
        sealer.open(Secret(sealed[:-4] + "AAA="))


def test_keys_are_exchanged_one_after_the_other(key_file: Path) -> None:
    by_file = Sealer(key_file).seal("sk-1")
    both = Sealer(key_file, [KEY])
    assert both.open(by_file) == "sk-1"
    renewed = both.renewed(by_file)
    assert renewed is not None
    assert both.renewed(renewed) is None, "it is sealed with the newest already"
    key_file.unlink()
    assert Sealer(key_file, [OTHER, KEY]).open(renewed) == "sk-1"
    assert Sealer(key_file, [OTHER]).renewed(renewed) is None


def test_a_short_key_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_SECRET_KEY", f"{KEY},hunter2")
    with pytest.raises(SettingsInvalid, match="32 characters") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("CHATBOT_SECRET_KEY", f"{KEY}, {OTHER}")
    settings = load_settings()
    assert settings.secret_keys == (KEY, OTHER)
    assert KEY not in repr(settings)
