"""The texts of the interface in English and Chinese."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]

LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}
FOLDER = Path(__file__).resolve().parent / "texts"


class Texts:
    """Called with a key and values, gives the sentence in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = load_texts(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text under `key`, its {names} filled in. A key that is missing stands for itself."""
        text = self._texts.get(key, key)
        return text.format(**values) if values else text

    def of(self, group: str, name: str) -> str:
        """The text for a name that the server gave: under `group.name`, or the name itself when it is not known."""
        return self._texts.get(f"{group}.{name}", name)


@cache
def load_texts(language: Language) -> dict[str, str]:
    """All texts of a language by key."""
    texts: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def choose_language(asked: str | None, locale: str | None) -> Language:
    """The language asked for, else the browser's, else English."""
    for wish in (asked, locale):
        if wish:
            return "zh" if wish.lower().startswith("zh") else "en"
    return "en"
