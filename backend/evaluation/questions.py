"""Question files as the questions in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.errors import Invalid
from knowledge.errors import InvalidInput
from knowledge.evaluation import read_questions


def question_rows(file: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a question file, each checked to be a question. Raises Invalid naming the line that is none."""
    try:
        if not read_questions(file):
            raise Invalid(f"{name} holds no questions; each is a JSON object on a line of its own.")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except InvalidInput as error:
        raise Invalid(str(error).replace(file.name, name)) from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} is not text in UTF-8.") from None
