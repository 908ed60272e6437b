"""Threads and their messages: a tree in which edits and regenerations are siblings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, exists, func, insert, or_, select, update

from agents.answering.greetings import asks_of_us, greets
from backend.approvals.waiting import waited_seconds
from backend.db.paging import cut
from backend.db.tables import feedback, messages, runs, threads
from backend.errors import Invalid, Missing
from backend.runs.store import text_so_far
from backend.runs.types import ACTIVE, RUNNING, WAITING
from backend.threads.excerpts import excerpt, title_of
from backend.threads.tags import set_tags, tags_of, thread_tags
from backend.threads.types import Feedback, StoredMessage, Thread
from knowledge.ids import new_id
from knowledge.storage.columns import in_utc
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope


class ThreadStore:
    """The threads that `scope` may see, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def create(self, title: str, knowledge_bases: Sequence[str]) -> Thread:
        """A new thread without messages."""
        now = datetime.now(UTC)
        thread_id = new_id()
        self._connection.execute(
            insert(threads).values(
                id=thread_id,
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                title=title,
                knowledge_bases=list(knowledge_bases),
                created_at=now,
                updated_at=now,
            )
        )
        return self.get(thread_id)

    def get(self, thread_id: str) -> Thread:
        """Raises Missing."""
        row = self._connection.execute(self._query().where(threads.c.id == thread_id)).first()
        if row is None:
            raise Missing("There is no such conversation.")
        return self._with_tags([_thread(row)])[0]

    def page(self, limit: int, cursor: str = "", words: str = "", *, tag: str = "") -> tuple[list[Thread], str | None]:
        """Threads by their last change, newest first, those that are pinned before all others; with `words`, those
        whose title, messages or tags hold them; with `tag`, those that have it."""
        newest_first = (threads.c.pinned.desc(), threads.c.updated_at.desc(), threads.c.id.desc())
        query = self._query().order_by(*newest_first).limit(limit + 1)
        if cursor:
            pinned, moment, last = decode_cursor(cursor, 3)
            query = query.where(_before(pinned == "1", _moment(moment), last))
        tagged = exists().where(thread_tags.c.thread_id == threads.c.id)
        if words:
            written = exists().where(messages.c.thread_id == threads.c.id, holds(messages.c.text, words))
            query = query.where(
                or_(holds(threads.c.title, words), written, tagged.where(holds(thread_tags.c.tag, words)))
            )
        if tag:
            query = query.where(tagged.where(thread_tags.c.tag == tag))
        rows = [_thread(row) for row in self._connection.execute(query)]
        found, following = cut(
            rows, limit, lambda thread: (str(int(thread.pinned)), thread.updated_at.isoformat(), thread.id)
        )
        found = self._with_tags(found)
        return (self._with_hits(found, words) if words else found), following

    def _with_hits(self, found: Sequence[Thread], words: str) -> list[Thread]:
        first = (
            select(messages.c.thread_id, func.min(messages.c.seq).label("seq"))
            .where(messages.c.thread_id.in_([thread.id for thread in found]), holds(messages.c.text, words))
            .group_by(messages.c.thread_id)
            .subquery()
        )
        query = select(messages.c.thread_id, messages.c.id, messages.c.text).join(
            first, and_(first.c.thread_id == messages.c.thread_id, first.c.seq == messages.c.seq)
        )
        hits = {row.thread_id: (excerpt(row.text, words), row.id) for row in self._connection.execute(query)}
        return [
            replace(thread, hit=hits[thread.id][0], hit_message_id=hits[thread.id][1]) if thread.id in hits else thread
            for thread in found
        ]

    def _with_tags(self, found: Sequence[Thread]) -> list[Thread]:
        tags = tags_of(self._connection, [thread.id for thread in found])
        return [replace(thread, tags=tags.get(thread.id, ())) for thread in found]

    def change(
        self,
        thread_id: str,
        title: str | None,
        knowledge_bases: Sequence[str] | None,
        *,
        pinned: bool | None = None,
        tags: Sequence[str] | None = None,
    ) -> Thread:
        """Set what is not None. Pins and tags only sort: the thread does not count as changed by them. Raises
        Missing."""
        self.get(thread_id)
        values: dict[str, Any] = {}
        if title is not None:
            values["title"] = title
        if knowledge_bases is not None:
            values["knowledge_bases"] = list(knowledge_bases)
        if values or (pinned is None and tags is None):
            values["updated_at"] = datetime.now(UTC)
        if pinned is not None:
            values["pinned"] = pinned
        if tags is not None:
            set_tags(self._connection, thread_id, tags)
        if values:
            self._connection.execute(update(threads).where(threads.c.id == thread_id).values(**values))
        return self.get(thread_id)

    def delete(self, thread_id: str) -> None:
        """The thread with its messages, runs and feedback. Raises Missing."""
        self.get(thread_id)
        self._connection.execute(delete(threads).where(threads.c.id == thread_id))

    def messages(self, thread_id: str, limit: int, cursor: str = "") -> tuple[list[StoredMessage], str | None]:
        """The whole tree in the order it grew, so a parent comes before its answers. Raises Missing."""
        self.get(thread_id)
        query = self._messages().where(messages.c.thread_id == thread_id).order_by(messages.c.seq).limit(limit + 1)
        if cursor:
            query = query.where(messages.c.seq > _seq(decode_cursor(cursor, 1)[0]))
        rows, following = cut(self._connection.execute(query).all(), limit, lambda row: (str(row.seq),))
        return self._read(rows), following

    def message(self, message_id: str) -> StoredMessage:
        """Raises Missing."""
        row = self._connection.execute(self._messages().where(messages.c.id == message_id)).first()
        if row is None:
            raise Missing("There is no such message.")
        return self._read([row])[0]

    def newest(self, thread_id: str) -> StoredMessage | None:
        """The message at the end of the newest branch; None in an empty thread."""
        query = self._messages().where(messages.c.thread_id == thread_id).order_by(messages.c.seq.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else self._read([row])[0]

    def branch(self, message_id: str | None, limit: int = 40) -> list[StoredMessage]:
        """A message and those before it on its branch, oldest first, at most `limit`."""
        found: list[StoredMessage] = []
        while message_id is not None and len(found) < limit:
            found.append(self.message(message_id))
            message_id = found[-1].parent_id
        return found[::-1]

    def add_question(self, thread: Thread, parent_id: str | None, text: str) -> str:
        """A user message's id. The first question of an untitled thread becomes its title; a greeting is none."""
        message_id = self._add(thread.id, parent_id, "user", text, status="finished", run_id=None)
        values: dict[str, Any] = {"updated_at": datetime.now(UTC)}
        if not thread.title and (asks_of_us(text) or not greets(text)):
            values["title"] = title_of(text)
        self._connection.execute(update(threads).where(threads.c.id == thread.id).values(**values))
        return message_id

    def add_answer(self, thread_id: str, parent_id: str, run_id: str) -> str:
        """The id of an assistant message that the run is to fill."""
        return self._add(thread_id, parent_id, "assistant", "", status=RUNNING, run_id=run_id)

    def rate(self, message_id: str, given: Feedback | None) -> None:
        """Set or take back this user's feedback. Raises Missing."""
        self.message(message_id)
        mine = and_(feedback.c.message_id == message_id, feedback.c.owner_id == self._scope.user_id)
        self._connection.execute(delete(feedback).where(mine))
        if given is not None:
            self._connection.execute(
                insert(feedback).values(
                    message_id=message_id,
                    workspace_id=self._scope.workspace_id,
                    owner_id=self._scope.user_id,
                    rating=given.rating,
                    reasons=list(given.reasons),
                    comment=given.comment,
                    updated_at=datetime.now(UTC),
                )
            )

    def _add(
        self, thread_id: str, parent_id: str | None, role: str, text: str, *, status: str, run_id: str | None
    ) -> str:
        message_id = new_id()
        # The row of the thread is locked by this until the transaction ends, so no two messages get one number.
        counted = update(threads).where(threads.c.id == thread_id).values(last_seq=threads.c.last_seq + 1)
        seq = self._connection.execute(counted.returning(threads.c.last_seq)).scalar_one()
        self._connection.execute(
            insert(messages).values(
                id=message_id,
                thread_id=thread_id,
                parent_id=parent_id,
                seq=seq,
                role=role,
                text=text,
                run_id=run_id,
                status=status,
                model="",
                error="",
                citations=[],
                uncited=[],
                nearest=[],
                created_at=datetime.now(UTC),
            )
        )
        return message_id

    def _mine(self) -> ColumnElement[bool]:
        return and_(threads.c.workspace_id == self._scope.workspace_id, threads.c.owner_id == self._scope.user_id)

    def _query(self) -> Select[Any]:
        count = select(func.count()).where(messages.c.thread_id == threads.c.id).scalar_subquery()
        active = (
            select(runs.c.id)
            .join(messages, messages.c.id == runs.c.message_id)
            .where(runs.c.thread_id == threads.c.id, runs.c.status.in_(ACTIVE))
            .order_by(messages.c.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        waiting = exists().where(runs.c.thread_id == threads.c.id, runs.c.status == WAITING)
        columns = (count.label("message_count"), active.label("active_run_id"), waiting.label("waiting"))
        return select(threads, *columns).where(self._mine())

    def _messages(self) -> Select[Any]:
        rated = and_(feedback.c.message_id == messages.c.id, feedback.c.owner_id == self._scope.user_id)
        return (
            select(
                messages,
                feedback.c.rating,
                feedback.c.reasons,
                feedback.c.comment,
                runs.c.error_code,
                runs.c.phase,
                runs.c.finished_at,
            )
            .join(threads, threads.c.id == messages.c.thread_id)
            .outerjoin(runs, runs.c.id == messages.c.run_id)
            .outerjoin(feedback, rated)
            .where(self._mine())
        )

    def _read(self, rows: Sequence[Row[Any]]) -> list[StoredMessage]:
        waited = waited_seconds(self._connection, [row.run_id for row in rows if row.run_id])
        return [self._message(row, waited.get(row.run_id, 0.0)) for row in rows]

    def _message(self, row: Row[Any], waited_s: float) -> StoredMessage:
        text = row.text
        if row.status == RUNNING:
            text = text_so_far(self._connection, row.run_id)
        given = Feedback(rating=row.rating, reasons=tuple(row.reasons), comment=row.comment) if row.rating else None
        return StoredMessage(
            id=row.id,
            thread_id=row.thread_id,
            parent_id=row.parent_id,
            role=row.role,
            text=text,
            run_id=row.run_id,
            status=row.status,
            mode=row.mode,
            model=row.model,
            verdict=row.verdict,
            error=row.error,
            error_code=row.error_code or "",
            phase=row.phase or "",
            citations=row.citations,
            uncited=row.uncited,
            nearest=row.nearest,
            feedback=given,
            created_at=row.created_at,
            finished_at=row.finished_at,
            waited_s=waited_s,
        )


def _thread(row: Row[Any]) -> Thread:
    return Thread(
        id=row.id,
        title=row.title,
        knowledge_bases=tuple(row.knowledge_bases),
        message_count=row.message_count,
        active_run_id=row.active_run_id,
        waiting=bool(row.waiting),
        created_at=row.created_at,
        updated_at=row.updated_at,
        pinned=bool(row.pinned),
    )


def holds(column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    return column.icontains(words, autoescape=True)


def _before(pinned: bool, moment: datetime, thread_id: str) -> ColumnElement[bool]:
    same = and_(threads.c.updated_at == moment, threads.c.id < thread_id)
    older = and_(threads.c.pinned.is_(pinned), or_(threads.c.updated_at < moment, same))
    return or_(older, threads.c.pinned.is_(False)) if pinned else older


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid("This cursor is none of ours; give back `next_cursor` of the page before unchanged.")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        return in_utc(datetime.fromisoformat(text))
    except ValueError:
        raise Invalid("This cursor is none of ours; give back `next_cursor` of the page before unchanged.") from None
