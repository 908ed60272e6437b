"""Opening a run: where in the conversation its question stands, and what any process needs to answer it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from agents.commands.grammar import COMMAND, is_command
from agents.phases.spec import RunSpec
from backend.artifacts.store import ArtifactStore
from backend.errors import Invalid, Missing, RunActive
from backend.runs.store import RunStore
from backend.runs.types import ACTIVE, Run
from backend.threads.store import ThreadStore
from backend.threads.types import StoredMessage, Thread
from knowledge.ids import new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where in a thread a question stands: after an answer (None: the newest), in place of another question, or, with
    `regenerate`, as the question `parent_id` that is there already."""

    parent_id: str | None = None
    edit_of: str | None = None
    regenerate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where the answer goes: under an existing question, or under a new one after `parent_id`."""

    parent_id: str | None
    question: StoredMessage | None


def open_run(connection: Connection, thread_id: str, spec: RunSpec, placement: Placement, *, owner: str) -> Run:
    """The question, an empty answer and the run that is to fill it, in one transaction; the run is held by `owner`.

    Two branches of a thread may be answered at the same time, one branch may not: an unfinished answer cannot be
    followed, and a question that is being answered is not answered again. Raises Missing, Invalid, RunActive.
    """
    threads = ThreadStore(connection, spec.scope)
    thread = threads.get(thread_id)
    place = _place(threads, thread, spec.question, placement)
    store = RunStore(connection, spec.scope)
    if place.question is not None and store.answering(place.question.id):
        raise RunActive("This question is being answered; wait for the answer or cancel it.")
    run_id = new_id()
    text = place.question.text if place.question else spec.question
    question_id = place.question.id if place.question else threads.add_question(thread, place.parent_id, text)
    run = store.add(
        run_id=run_id,
        thread_id=thread.id,
        message_id=threads.add_answer(thread.id, question_id, run_id),
        user_message_id=question_id,
        spec=_performed(spec, text),
        owner=owner,
    )
    ArtifactStore(connection, spec.scope).attach(spec.attachments, run_id)
    return run


def _performed(spec: RunSpec, text: str) -> RunSpec:
    """The spec with the question; what is typed as a command is done as one, whatever phase was chosen."""
    if is_command(text):
        return replace(spec, question=text, phase=COMMAND, phase_version=None)
    return replace(spec, question=text)


def _place(threads: ThreadStore, thread: Thread, question: str, placement: Placement) -> _Place:
    parent_id = placement.parent_id
    if placement.regenerate:
        if parent_id is None:
            raise Invalid("To answer again, name the question in `parent_id`.")
        return _Place(parent_id=None, question=_question(threads, thread, parent_id))
    if not question.strip():
        raise Invalid("`input` is empty: write a question.")
    if placement.edit_of is not None:
        return _Place(parent_id=_question(threads, thread, placement.edit_of).parent_id, question=None)
    parent = _message(threads, thread, parent_id) if parent_id else threads.newest(thread.id)
    if parent is not None and parent.role == "user":
        raise Invalid("A question follows an answer: name an answer in `parent_id`, or nothing.")
    if parent is not None and parent.status in ACTIVE:
        raise RunActive("The answer before is still being written; wait for it or cancel it.")
    return _Place(parent_id=parent.id if parent else None, question=None)


def _message(threads: ThreadStore, thread: Thread, message_id: str) -> StoredMessage:
    message = threads.message(message_id)
    if message.thread_id != thread.id:
        raise Missing("There is no such message in this conversation.")
    return message


def _question(threads: ThreadStore, thread: Thread, message_id: str) -> StoredMessage:
    message = _message(threads, thread, message_id)
    if message.role != "user":
        raise Invalid("This is an answer; name the question it answers.")
    return message
