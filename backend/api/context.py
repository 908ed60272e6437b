"""What a route is given: the container, the caller, and creating calls that may safely come twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from backend.bootstrap import Container
from backend.db.idempotency import CreatingCall, IdempotencyKeys
from knowledge.types import Scope

View = TypeVar("View", bound=BaseModel)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeat a creating call with the same key and body: it is done once and answered alike for a day.",
    ),
]

Limit = Annotated[int, Query(ge=1, le=500, description="Items of a page.")]
Cursor = Annotated[str, Query(max_length=1000, description="`next_cursor` of the page before.")]


async def container_of(request: Request) -> Container:
    """The container this application was made with."""
    container: Container = request.app.state.container
    return container


async def caller_of(request: Request) -> Scope:
    """Whose rows this request may see, as the edge found."""
    scope: Scope = request.state.scope
    return scope


Here = Annotated[Container, Depends(container_of)]
Caller = Annotated[Scope, Depends(caller_of)]


class Creation:
    """A creating call. With an Idempotency-Key its answer is remembered in the transaction that creates."""

    def __init__(self, container: Container, scope: Scope, key: str | None, route: str) -> None:
        self._container = container
        self._scope = scope
        self.key = key
        self._route = route

    def once(self, body: BaseModel | str, view: type[View], make: Callable[[Connection], View]) -> View:
        """What `make` returns, in a transaction of its own; or, for a call that came before, what it returned then."""
        if self.key is None:
            with self._container.database.write() as connection:
                return make(connection)
        text = body if isinstance(body, str) else body.model_dump_json()
        call = CreatingCall(key=self.key, route=self._route, body_hash=hashlib.sha256(text.encode()).hexdigest())
        try:
            return self._make_or_recall(call, view, make)
        except IntegrityError:  # the same call was answered elsewhere at this very moment
            return self._make_or_recall(call, view, make)

    def _make_or_recall(self, call: CreatingCall, view: type[View], make: Callable[[Connection], View]) -> View:
        with self._container.database.write() as connection:
            keys = IdempotencyKeys(connection, self._scope)
            answer = keys.recall(call)
            if answer is not None:
                return view.model_validate_json(answer)
            made = make(connection)
            keys.keep(call, made.model_dump_json())
            return made


async def creation_of(request: Request, container: Here, scope: Caller, key: IdempotencyKey = None) -> Creation:
    """The creating call that this request is."""
    return Creation(container, scope, key, f"{request.method} {request.url.path}")


Creating = Annotated[Creation, Depends(creation_of)]
