"""Where the knowledge floor reads text from outside."""

from __future__ import annotations

from knowledge.text.sentences import split_sentences
from tests.growth.harness import TextPath

PATHS = [
    TextPath(
        "sentences/stops",
        lambda size: "Yes. No! 好。" * (size // 12),
        lambda text: list(split_sentences(text, 0, len(text))),
    ),
]
