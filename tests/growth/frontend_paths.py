"""Where the interface reads text from outside: answers, as they are made ready to be drawn."""

from __future__ import annotations

from frontend.answer_text import plain_label, prepare_answer
from frontend.reading.preview import preview
from frontend.reading.rendered import cut_table, mail_lines
from tests.growth.agents_paths import UNITS, repeated
from tests.growth.harness import TextPath

MORE = {"dollars": "$", "directives": ":a[", "closed fences": "```\n```\n", "mermaid": "```mermaid\nx\n```\n"}

PATHS = [
    *(
        TextPath(f"prepared answer/{name}", repeated(unit), prepare_answer, 400_000)
        for name, unit in (UNITS | MORE).items()
    ),
    *(
        TextPath(f"preview/{name}", repeated(unit), lambda text: preview.__wrapped__(text, "a.md"), 400_000)
        for name, unit in {"cells": "|a", "brackets": "[", "stars": "*a ", "quotes": "> "}.items()
    ),
    TextPath("mail", repeated("> a\nb\n"), mail_lines),
    TextPath("long table", repeated("| a |\n"), lambda text: cut_table(text, len(text) // 2, len(text) // 2 + 9)),
    TextPath("plain label", repeated("*a "), plain_label, 400_000),
]
