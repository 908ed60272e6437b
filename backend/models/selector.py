"""Which language model a run uses: the one asked for, else the stored default, else that of the settings, else none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from agents.models.catalogue import ModelCatalogue
from agents.models.providers import ModelSpec
from agents.ports import ChatModel, ModelProfile
from backend.accounts.sealing import Sealer, Secret
from backend.errors import Invalid, SecretUnreadable
from backend.models.store import Models, StoredModel
from backend.settings import ModelSettings
from knowledge.types import Scope

SETTINGS_ID = "settings"
NO_MODEL = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSelector:
    """Finds and makes language models."""

    settings: ModelSettings
    catalogue: ModelCatalogue
    sealer: Sealer

    def from_settings(self) -> StoredModel | None:
        """The model that the settings name, if they name one."""
        if not (self.settings.name or self.settings.base_url):
            return None
        return StoredModel(
            id=SETTINGS_ID,
            name=self.settings.name or "default",
            base_url=self.settings.base_url,
            api_key=Secret(self.settings.api_key.get_secret_value()),
            model=self.settings.name or "default",
            is_default=True,
        )

    def default(self, connection: Connection, scope: Scope) -> StoredModel | None:
        """The model used when none is asked for."""
        return Models(connection, scope).default() or self.from_settings()

    def find(self, connection: Connection, scope: Scope, asked: str | Mapping[str, str] | None) -> StoredModel | None:
        """The model asked for: None the default, "none" no model, a name, or an endpoint whose key is `sealed`. Raises
        Invalid."""
        if asked is None or asked == "":
            return self.default(connection, scope)
        if asked == NO_MODEL:
            return None
        if isinstance(asked, str):
            return self._named(connection, scope, asked)
        if not asked.get("base_url"):
            return self._named(connection, scope, asked.get("name", ""))
        return StoredModel(
            id="",
            name=asked.get("name") or "default",
            base_url=asked["base_url"],
            api_key=Secret(asked.get("api_key", "")),
            model=asked.get("name") or "default",
            is_default=False,
        )

    def sealed(self, asked: str | Mapping[str, str] | None) -> str | Mapping[str, str] | None:
        """What a caller asks for, fit to be kept: the key of an endpoint sealed, whatever it looks like. Only so may it
        come to `find`: a sealed key that a stranger sends must not be opened for him."""
        if isinstance(asked, Mapping) and asked.get("api_key"):
            return {**asked, "api_key": self.sealer.seal(asked["api_key"]).stored}
        return asked

    def chat_model(self, stored: StoredModel) -> ChatModel:
        """The model, ready to be called. Raises ModelRefused when its settings cannot be right, SecretUnreadable."""
        try:
            api_key = self.sealer.open(stored.api_key)
        except SecretUnreadable as error:
            raise SecretUnreadable(f"The model {stored.name!r} cannot be used. {error}") from None
        # What the settings say is of their own model; of others nothing is known.
        profile = ModelProfile(tool_calls=self.settings.tool_calls) if stored.id == SETTINGS_ID else ModelProfile()
        return self.catalogue.open(
            ModelSpec(name=stored.name, base_url=stored.base_url, api_key=api_key, model=stored.model, profile=profile)
        )

    def _named(self, connection: Connection, scope: Scope, name: str) -> StoredModel:
        own = self.from_settings()
        stored = Models(connection, scope).named(name) or (own if own and own.name == name else None)
        if stored is None:
            raise Invalid(
                f'There is no model named {name[:100]!r}; configured ones are listed under /models, or "none".'
            )
        return stored
