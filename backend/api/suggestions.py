"""What to ask: to begin with, and after an answer. Made of the headings of documents; no model is needed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from backend.api.context import Caller, Here
from backend.api.openapi import problems
from backend.knowledge_bases.selection import chosen_or_all, chosen_or_own, resolve
from backend.schemas import Page, SuggestionView
from backend.threads.store import ThreadStore
from knowledge.suggesting import CitedPlace, following_questions, starting_questions

router = APIRouter(tags=["conversations"])

Count = Annotated[int, Query(ge=1, le=20, description="How many at most.")]


@router.get("/suggestions", responses=problems(404))
def list_suggestions(
    container: Here,
    scope: Caller,
    knowledge_base: Annotated[
        list[str] | None, Query(max_length=100, description="Id or name; repeat for several. None: all.")
    ] = None,
    language: Annotated[Literal["en", "zh"], Query(description="Of who asks.")] = "en",
    limit: Count = 3,
) -> Page[SuggestionView]:
    """Questions to begin with; those in `language` come before others. The sample guide is asked only where it is named
    or there is nothing else."""
    with container.database.read() as connection:
        named = resolve(connection, scope, knowledge_base or ())
        asked = (named,) if named else (chosen_or_own(connection, scope, ()), chosen_or_all(connection, scope, ()))
        for bases in asked:
            if found := starting_questions(connection, bases, language, limit=limit):
                break
    return Page(items=[SuggestionView.model_validate(each) for each in found], next_cursor=None)


@router.get("/messages/{id}/suggestions", responses=problems(404))
def list_follow_ups(id: str, container: Here, scope: Caller, limit: Count = 3) -> Page[SuggestionView]:
    """Questions to go on with: the headings next to those that this answer quotes, without what was asked already."""
    with container.database.read() as connection:
        store = ThreadStore(connection, scope)
        branch = store.branch(id)
        message = branch[-1]
        cited = [
            CitedPlace(document_id=each["document_id"], heading_path=tuple(each["heading_path"]))
            for each in message.citations
        ] or [CitedPlace(document_id=each["document_id"]) for each in message.nearest]
        asked = [each.text for each in branch if each.role == "user"]
        found = following_questions(connection, scope, cited, asked=asked, limit=limit)
    return Page(items=[SuggestionView.model_validate(each) for each in found], next_cursor=None)
