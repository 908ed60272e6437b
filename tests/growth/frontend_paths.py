"""Where the interface reads text from outside: answers, as they are made ready to be drawn."""

from __future__ import annotations

from frontend.answer_text import plain_label, prepare_answer
from tests.growth.agents_paths import UNITS, repeated
from tests.growth.harness import TextPath

MORE = {"dollars": "$", "directives": ":a[", "closed fences": "```\n```\n", "mermaid": "```mermaid\nx\n```\n"}

PATHS = [
    *(
        TextPath(f"prepared answer/{name}", repeated(unit), prepare_answer, 400_000)
        for name, unit in (UNITS | MORE).items()
    ),
    TextPath("plain label", repeated("*a "), plain_label, 400_000),
]
