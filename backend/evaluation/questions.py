"""Question files: checked when they come, kept once each, read by whoever asks the questions."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.db.clock import database_now
from backend.errors import Invalid, Missing
from backend.evaluation.tables import question_files
from backend.jobs.tables import job_arguments, jobs
from knowledge.errors import InvalidInput
from knowledge.evaluation import Question, read_question, read_questions
from knowledge.storage.database import Database
from knowledge.storage.tables import knowledge_bases
from knowledge.types import Scope

KEPT_FOR = timedelta(hours=1)


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
    """Keeps the text of a question file, once however often it comes; returns the hash it is found by. It stays for an
    hour at least, and then while an evaluation may ask it."""
    content_hash = hashlib.sha256(text.encode()).hexdigest()
    row = {"workspace_id": scope.workspace_id, "content_hash": content_hash, "content": text}
    try:
        with connection.begin_nested():
            connection.execute(insert(question_files).values({**row, "created_at": database_now()}))
    except IntegrityError:  # it is there, and must stay until the job that is about to name it does
        again = update(question_files).where(*_named(scope, content_hash))
        connection.execute(again.values(created_at=database_now()))
    return content_hash


def kept(connection: Connection, scope: Scope, content_hash: str) -> list[Question]:
    """The questions that were kept under this hash. Raises Missing, and InvalidInput naming the one that is none."""
    text = connection.scalar(select(question_files.c.content).where(*_named(scope, content_hash)))
    if text is None:
        raise Missing("The questions are no longer there; send the file again.")
    questions = []
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        try:
            questions.append(read_question(line))
        except (ValueError, TypeError, IndexError) as error:
            raise InvalidInput(f"Question {number} cannot be read: {error}") from error
    return questions


def collect_unasked(database: Database, *, kept_for: timedelta = KEPT_FOR) -> int:
    """Deletes the files, older than `kept_for`, that no evaluation of a base that is there can still ask: one that
    waits, runs or may be retried. Returns how many."""
    file = question_files.c
    with database.write() as connection:
        asked = _asked(connection)
        now = connection.execute(select(database_now())).scalar_one()
        old = connection.execute(select(file.workspace_id, file.content_hash).where(file.created_at <= now - kept_for))
        unasked = [row for row in old.all() if (row.workspace_id, row.content_hash) not in asked]
        for row in unasked:
            this = (file.workspace_id == row.workspace_id, file.content_hash == row.content_hash)
            # Looked at again, for the same file may have come once more meanwhile.
            connection.execute(delete(question_files).where(*this, file.created_at <= now - kept_for))
    return len(unasked)


def _asked(connection: Connection) -> set[tuple[str, str]]:
    """The workspace and hash of every file that an evaluation may still ask."""
    query = (
        select(jobs.c.workspace_id, job_arguments.c.arguments)
        .join(job_arguments, job_arguments.c.job_id == jobs.c.id)
        .join(knowledge_bases, knowledge_bases.c.id == jobs.c.knowledge_base_id)
        .where(jobs.c.kind == "evaluate", jobs.c.status != "succeeded", knowledge_bases.c.deleted.is_(False))
    )
    return {(row.workspace_id, row.arguments["questions"]) for row in connection.execute(query)}


def _named(scope: Scope, content_hash: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return question_files.c.workspace_id == scope.workspace_id, question_files.c.content_hash == content_hash
