"""Deciding what a run waits for."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.context import Caller, Here
from backend.api.openapi import problems
from backend.approvals.store import EXPIRED, ApprovalStore, Decided
from backend.bootstrap import Container
from backend.errors import DecisionExpired
from backend.schemas import RunDecision, RunView
from knowledge.types import Scope

router = APIRouter(tags=["runs"])


@router.post("/runs/{id}/approvals/{approval}", status_code=202, responses=problems(404, 409, 422, 503))
async def decide(id: str, approval: str, body: RunDecision, container: Here, scope: Caller) -> RunView:
    """Approve or reject exactly the call that was asked about, with other `arguments` if need be; or answer a question
    in `comment`. The run goes on, here, whichever process it waited in.

    The same decision again changes nothing; another one is refused with 409, as is one that comes too late.
    """
    container.runs.check_room()
    decided = await container.in_thread(_decide, container, scope, id, approval, body)
    if decided.resumed:
        container.runs.begin(decided.run)
    if decided.decision == EXPIRED:
        raise DecisionExpired("Nobody decided in time, so this counts as rejected; the run goes on without it.")
    return RunView.model_validate(decided.run)


def _decide(container: Container, scope: Scope, run_id: str, approval: str, body: RunDecision) -> Decided:
    with container.database.write() as connection:
        return ApprovalStore(connection, scope).decide(
            run_id,
            approval,
            body.decision,
            arguments=body.arguments,
            comment=body.comment,
            owner=container.runs.owner,
        )
