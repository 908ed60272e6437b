"""Language models: those stored here, and the one of the settings."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from agents.errors import AgentError
from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.errors import KeyNeeded, Missing, NameTaken, ReadOnly, SecretUnreadable
from backend.models.addresses import known_address, parse_address
from backend.models.resolver import NO_MODEL, SETTINGS_ID
from backend.models.store import Models, StoredModel
from backend.models.trying import CHECK_SECONDS, try_out
from backend.schemas import ModelCheck, ModelCreate, ModelUpdate, ModelView, Page
from knowledge.types import Scope

router = APIRouter(prefix="/models", tags=["models"])


@router.post("", status_code=201, responses=problems(409))
def create_model(body: ModelCreate, container: Here, scope: Caller, creating: Creating) -> ModelView:
    """Store a language model. Its key is kept on the server, sent to the server of its address alone, and never shown;
    so are a user and password in the address."""
    own = container.models.from_settings()
    if body.name == NO_MODEL or (own is not None and own.name == body.name):
        raise NameTaken(f"The name {body.name!r} is taken.")

    address = parse_address(body.base_url, body.model)
    credential = container.models.credential(address, body.api_key)
    values = {**body.model_dump(exclude={"api_key"}), "base_url": address.url}

    def make(connection: Connection) -> ModelView:
        return _view(Models(connection, scope).create(**values, credential=credential), "stored")

    return creating.once(body, ModelView, make)


@router.get("")
def list_models(container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = "") -> Page[ModelView]:
    """The model of the settings first, then the stored ones by name."""
    with container.database.read() as connection:
        stored, following = Models(connection, scope).page(limit, cursor)
        items = [_view(model, "stored") for model in stored]
        own = container.models.from_settings()
        if own is not None and not cursor:
            default = Models(connection, scope).default() is None
            items.insert(0, _view(own, "settings").model_copy(update={"is_default": default}))
    return Page(items=items, next_cursor=following)


@router.get("/{id}", responses=problems(404))
def get_model(id: str, container: Here, scope: Caller) -> ModelView:
    """One model."""
    with container.database.read() as connection:
        return _view(_find(connection, container, scope, id), "settings" if id == SETTINGS_ID else "stored")


@router.patch("/{id}", responses=problems(404, 409))
def change_model(id: str, body: ModelUpdate, container: Here, scope: Caller) -> ModelView:
    """Change what is given; a key that is not given stays. A change that leads to another server (422 `key_needed`)
    wants the key again, or an empty one for none: it was given for the server before."""
    _refuse_settings(id)
    values = {name: value for name, value in body.model_dump(exclude={"api_key"}).items() if value is not None}
    with container.database.write() as connection:
        store = Models(connection, scope)
        current = store.get(id)
        model = values.get("model", current.model)
        address = known_address(current.base_url, model)
        if "base_url" in values:
            address = parse_address(values["base_url"], model)
            values["base_url"] = address.url
        given = body.api_key if body.api_key is not None else "" if address.userinfo else None
        credential = None if given is None else container.models.credential(address, given)
        return _view(store.change(id, values, credential), "stored")


@router.delete("/{id}", status_code=204, responses=problems(404, 409))
def delete_model(id: str, container: Here, scope: Caller) -> Response:
    """Forget a model and its key."""
    _refuse_settings(id)
    with container.database.write() as connection:
        Models(connection, scope).delete(id)
    return Response(status_code=204)


@router.post("/{id}/check", responses=problems(404))
async def check_model(id: str, container: Here, scope: Caller) -> ModelCheck:
    """Ask the model for a few words and for a call of a tool, and say what came: whether it answers, streams and calls
    tools, how fast, and how long its context is where its endpoint tells.

    How it calls tools is kept with a stored model of which nothing was known.
    """

    def find() -> StoredModel:
        with container.database.read() as connection:
            return _find(connection, container, scope, id)

    stored = await container.in_thread(find)
    try:
        found = await try_out(container.models, container.catalogue, stored)
    except (AgentError, SecretUnreadable, KeyNeeded) as error:
        return ModelCheck(ok=False, message=str(error), latency_ms=None)
    except TimeoutError:
        return ModelCheck(ok=False, message=f"No answer within {CHECK_SECONDS:.0f} seconds.", latency_ms=None)
    if id != SETTINGS_ID and stored.tool_calls is None and found.tool_calls in ("native", "text"):
        await container.in_thread(_keep, container, scope, id, found.tool_calls)
    return ModelCheck(
        ok=True,
        message=found.sentence,
        latency_ms=round(found.speed.first_s * 1000, 1),
        streams=found.speed.streams,
        tokens_per_second=found.speed.tokens_per_second,
        tool_calls=found.tool_calls,
        context_length=found.context_length,
    )


def _keep(container: Container, scope: Scope, model_id: str, tool_calls: str) -> None:
    """Remember what was found, unless the model is gone by now."""
    with container.database.write() as connection, suppress(Missing):
        Models(connection, scope).change(model_id, {"tool_calls": tool_calls})


def _find(connection: Connection, container: Container, scope: Scope, model_id: str) -> StoredModel:
    if model_id != SETTINGS_ID:
        return Models(connection, scope).get(model_id)
    own = container.models.from_settings()
    if own is None:
        raise Missing("The settings name no model.")
    return own


def _refuse_settings(model_id: str) -> None:
    if model_id == SETTINGS_ID:
        raise ReadOnly("This model comes from the settings (CHATBOT_MODEL__…); change it there.")


def _view(model: StoredModel, origin: str) -> ModelView:
    return ModelView.model_validate(
        {
            "id": model.id,
            "name": model.name,
            "base_url": model.base_url,
            "model": model.model,
            "has_api_key": bool(model.credential),
            "is_default": model.is_default,
            "tool_calls": model.tool_calls,
            "origin": origin,
        }
    )
