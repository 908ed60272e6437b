"""Secrets at rest: what users give us as a key is sealed before it is stored, and opened only where it is used.

The sealing key stands apart from the database, so that a copy of the database gives nothing away.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import SecretUnreadable
from backend.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_FILE = "secret.key"
_MARK = "sealed:1:"
_PURPOSE = b"devops-chatbot stored secrets 1"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it is kept: sealed, or in plain text where it comes from the settings or an older version kept it
    so. It shows nothing of itself; only `Sealer.open` tells what it is. False when there is none."""

    stored: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.stored)

    @property
    def is_sealed(self) -> bool:
        """Whether a copy of it is of no use without the key."""
        return self.stored.startswith(_MARK)


class Sealer:
    """Seals with the newest key and opens what any of the keys has sealed (Fernet: AES-128-CBC with HMAC-SHA256).

    The keys are those given, the newest first, and the one in the key file, which is made when something has to be
    sealed and there is no key at all. Nothing is remembered: keys may be brought back while the process runs.
    """

    def __init__(self, key_file: Path, keys: Sequence[str] = ()) -> None:
        self._key_file = key_file
        self._keys = tuple(keys)

    @classmethod
    def of(cls, settings: Settings) -> Sealer:
        """The sealer that the settings ask for."""
        return cls(settings.data_dir.expanduser().absolute() / KEY_FILE, settings.secret_keys)

    @property
    def key_file(self) -> Path:
        """Where the key stands that was made here."""
        return self._key_file

    def is_exposed(self) -> bool:
        """Whether others on this machine may read the key file."""
        try:
            return os.name != "nt" and bool(self._key_file.stat().st_mode & 0o077)
        except OSError:
            return False

    def seal(self, text: str) -> Secret:
        """The text, sealed; nothing stays nothing. Raises SecretUnreadable when there is a key file we may not read."""
        if not text:
            return Secret()
        newest = next(iter(self._all()), None) or _fernet(self._make_key())
        return Secret(_MARK + newest.encrypt(text.encode()).decode())

    def open(self, secret: Secret) -> str:
        """What was sealed. Raises SecretUnreadable."""
        if not secret.is_sealed:
            return secret.stored
        from cryptography.fernet import InvalidToken

        for each in self._all():
            try:
                return each.decrypt(secret.stored.removeprefix(_MARK)).decode()
            except InvalidToken:
                continue
        raise SecretUnreadable(
            "A stored key cannot be read: it was sealed with a secret key that is not here. Enter the key again, or "
            f"bring back the file {self._key_file.name} of the data folder or the setting CHATBOT_SECRET_KEY it was "
            "sealed with."
        )

    def renewed(self, secret: Secret) -> Secret | None:
        """The same secret sealed with the newest key; None when it is so already or cannot be opened."""
        try:
            if secret.is_sealed:
                newest = next(iter(self._all()), None)
                if newest is None or _opens(newest, secret):
                    return None
            return self.seal(self.open(secret)) or None
        except SecretUnreadable:
            return None

    def _all(self) -> list[Fernet]:
        return [_fernet(key) for key in (*self._keys, *self._kept())]

    def _kept(self) -> list[str]:
        try:
            kept = self._key_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is damaged"
            raise SecretUnreadable(f"The key file {self._key_file} cannot be read: {reason}.") from None
        return [kept] if kept else []

    def _make_key(self) -> str:
        """The key in the file, made now unless another process has just done so; nobody else may read it."""
        from filelock import FileLock

        self._key_file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._key_file.with_suffix(".lock")):
            for kept in self._kept():
                return kept
            key = secrets.token_urlsafe(32)
            unfinished = self._key_file.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(f"{key}\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._key_file)
        return key


def _fernet(key: str) -> Fernet:
    """Any long text is a key: 32 bytes are derived from it (HKDF, RFC 5869)."""
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _opens(fernet: Fernet, secret: Secret) -> bool:
    from cryptography.fernet import InvalidToken

    try:
        fernet.decrypt(secret.stored.removeprefix(_MARK))
    except InvalidToken:
        return False
    return True
