"""The prompts that come with the product, by name and language."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def read_prompt(name: str, language: str) -> str:
    """The text of a prompt, in Chinese for `zh` and in English for any other language."""
    file = resources.files("agents.prompts").joinpath(f"{name}.{'zh' if language == 'zh' else 'en'}.md")
    return file.read_text(encoding="utf-8").strip()
