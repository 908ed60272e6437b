"""Tools: what may be called, what was decided for each, and calls outside runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from agents.errors import NoSuchTool
from agents.tools.calling import CallResult
from agents.tools.policy import Override
from agents.tools.ports import ToolSpec
from backend.api.context import Caller, Here
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.errors import Missing
from backend.knowledge_bases.selection import resolve
from backend.schemas import ApprovalDecision, ToolCallCreate, ToolCallView, ToolList, ToolUpdate, ToolView
from backend.tools.calls import previewed
from backend.tools.policies import ToolPolicies
from backend.tools.views import tool_fields
from knowledge.types import Scope

router = APIRouter(prefix="/tools", tags=["tools"])

MOST_TOOLS = 1_000


@router.get("")
def list_tools(
    container: Here,
    scope: Caller,
    query: Annotated[str, Query(max_length=2000, description="Words; the best fitting tools come first.")] = "",
    source: Annotated[str, Query(max_length=300)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_TOOLS)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> ToolList:
    """The tools that there are, those that are switched off and those that cannot be called now among them."""
    found = container.toolboxes.list(scope)
    specs = [tool.spec for tool in found.tools.values() if source in ("", tool.spec.source)]
    if query.strip():
        specs = container.tool_search.ranked(query, specs)
    else:
        specs.sort(key=lambda spec: spec.name)
    items = [tool_view(spec, found.overrides.get(spec.name)) for spec in specs[offset : offset + limit]]
    return ToolList(items=items, problems=dict(found.problems), total=len(specs))


@router.get("/{name}", responses=problems(404))
def get_tool(name: str, container: Here, scope: Caller) -> ToolView:
    """One tool."""
    found = container.toolboxes.list(scope)
    return tool_view(_spec(found.tools, name), found.overrides.get(name))


@router.patch("/{name}", responses=problems(404))
def change_tool(name: str, body: ToolUpdate, container: Here, scope: Caller) -> ToolView:
    """Let it run without asking, ask before every call, or switch it off. What destroys asks whatever is decided here,
    and so does a write that text from outside had part in."""
    spec = _spec(container.toolboxes.list(scope).tools, name)
    with container.database.write() as connection:
        policies = ToolPolicies(connection, scope)
        policies.decide(spec, body.policy)
        return tool_view(spec, policies.all().get(name))


@router.post("/{name}/calls", responses=problems(403, 404, 409))
async def call_tool(name: str, body: ToolCallCreate, container: Here, scope: Caller) -> ToolCallView:
    """Call it. A call that a person must approve is not made: 409 `approval_required` has an `approval_id`, the exact
    `arguments` with secrets masked, and until when it waits; decide on it at `/tools/approvals/{approval_id}`."""
    bases = None
    if body.knowledge_bases is not None:
        bases = await container.in_thread(_bases, container, scope, body.knowledge_bases)
    calls = container.tool_calls
    try:
        if not body.dry_run:
            return _view(await calls.call(scope, name, body.arguments, origin="rest", bases=bases))
        _, prepared = await calls.prepare(scope, name, body.arguments, origin="rest", bases=bases)
    except NoSuchTool as error:
        raise Missing(str(error)) from None
    return ToolCallView(
        status="dry_run",
        output="",
        verdict=prepared.verdict,
        reason=prepared.reason,
        preview=dict(await previewed(prepared)),
    )


@router.post("/approvals/{id}", responses=problems(403, 404, 409))
async def decide_call(id: str, body: ApprovalDecision, container: Here, scope: Caller) -> ToolCallView:
    """Approve or reject a call that waits: once, within its time, and for exactly its arguments. Edited ones are
    checked again. What destroys is asked a second time, with an `approval_id` of its own (409)."""
    result = await container.tool_calls.decide(
        scope,
        id,
        approved=body.decision == "approve",
        arguments=body.arguments,
        comment=body.comment,
        origin="rest",
    )
    return _view(result)


def tool_view(spec: ToolSpec, override: Override | None) -> ToolView:
    """A tool as REST shows it."""
    return ToolView.model_validate(tool_fields(spec, override))


def _view(result: CallResult) -> ToolCallView:
    output = result.output
    kept = (*((result.artifact_id,) if result.artifact_id else ()), *(output.artifacts if output else ()))
    return ToolCallView(
        status=result.status,
        output=result.text,
        summary=result.summary,
        view=output.view if output else "text",
        data=output.data if output else None,
        evidence=[asdict(each) for each in output.evidence] if output else [],
        artifacts=list(kept),
        audit_id=result.audit_id,
        duration_ms=result.duration_ms,
        reason_code=result.reason_code,
        words=dict(result.words),
    )


def _spec(tools: Any, name: str) -> ToolSpec:
    tool = tools.get(name)
    if tool is None:
        raise Missing(f"There is no tool {name[:80]!r}.")
    spec: ToolSpec = tool.spec
    return spec


def _bases(container: Container, scope: Scope, names: Sequence[str]) -> tuple[str, ...]:
    with container.database.read() as connection:
        return resolve(connection, scope, names)
