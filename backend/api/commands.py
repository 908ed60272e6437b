"""Commands: what completes what is being typed after a slash."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from agents.commands.catalogue import Commands
from agents.commands.completion import complete
from backend.api.context import Caller, Here
from backend.schemas import CommandView, Page

router = APIRouter(prefix="/commands", tags=["conversations"])


@router.get("")
def list_commands(
    container: Here,
    scope: Caller,
    prefix: Annotated[str, Query(max_length=2000, description="What is typed so far, the slash included.")] = "/",
    language: Annotated[Literal["en", "zh"], Query(description="The language of titles.")] = "en",
) -> Page[CommandView]:
    """What may come next: commands, then the words and arguments of one; at most a dozen, the likeliest first."""
    tools = container.toolboxes.box(scope).tools.values()
    found = complete(prefix, Commands((tool.spec for tool in tools), language))
    return Page(items=[CommandView.model_validate(each) for each in found], next_cursor=None)
