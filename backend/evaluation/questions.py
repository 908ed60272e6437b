"""Question files: checked when they come, kept once each, read by whoever asks the questions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from backend.db.clock import database_now
from backend.errors import Invalid, Missing
from backend.evaluation.tables import question_files
from knowledge.errors import InvalidInput
from knowledge.evaluation import Question, parse_question, read_questions
from knowledge.types import Scope


def checked_text(file: Path, name: str) -> str:
    """The text of a question file, each line checked to be a question. Raises Invalid naming the line that is none."""
    try:
        if not read_questions(file):
            raise Invalid(f"{name} holds no questions; each is a JSON object on a line of its own.")
        return file.read_text(encoding="utf-8")
    except InvalidInput as error:
        raise Invalid(str(error).replace(file.name, name)) from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} is not text in UTF-8.") from None


def keep(connection: Connection, scope: Scope, text: str) -> str:
    """Keeps the text of a question file, once however often it comes; returns the hash it is found by."""
    content_hash = hashlib.sha256(text.encode()).hexdigest()
    row = {"workspace_id": scope.workspace_id, "content_hash": content_hash, "content": text}
    try:
        with connection.begin_nested():
            connection.execute(insert(question_files).values({**row, "created_at": database_now()}))
    except IntegrityError:
        pass  # it is there
    return content_hash


def kept(connection: Connection, scope: Scope, content_hash: str) -> list[Question]:
    """The questions that were kept under this hash. Raises Missing, and InvalidInput naming the one that is none."""
    mine = (question_files.c.workspace_id == scope.workspace_id, question_files.c.content_hash == content_hash)
    text = connection.scalar(select(question_files.c.content).where(*mine))
    if text is None:
        raise Missing("The questions are no longer there; send the file again.")
    questions = []
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        try:
            questions.append(parse_question(json.loads(line)))
        except (ValueError, TypeError, IndexError) as error:
            raise InvalidInput(f"Question {number} cannot be read: {error}") from error
    return questions
