"""Which language model a run uses: the one asked for, else the stored default, else that of the settings, else none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from agents.models.catalogue import ModelCatalogue
from agents.models.spec import ModelSpec
from agents.ports import ChatModel, ModelProfile
from backend.accounts.sealing import Sealer, Secret
from backend.connections.secrets import Credential
from backend.errors import Invalid, KeyNeeded, SecretUnreadable
from backend.models.addresses import ModelAddress, known_address, parse_address, with_userinfo
from backend.models.store import Models, StoredModel
from backend.settings import ModelSettings
from knowledge.types import Scope

SETTINGS_ID = "settings"
NO_MODEL = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelResolver:
    """Finds and makes language models."""

    settings: ModelSettings
    catalogue: ModelCatalogue
    sealer: Sealer

    def from_settings(self) -> StoredModel | None:
        """The model that the settings name, if they name one."""
        if not (self.settings.name or self.settings.base_url):
            return None
        name = self.settings.name or "default"
        address = known_address(self.settings.base_url, name)
        credential = Credential(secret=Secret(self.settings.api_key.get_secret_value()))
        if address.userinfo:
            credential = Credential(secret=Secret(address.userinfo), scheme="basic")
        return StoredModel(
            id=SETTINGS_ID,
            name=name,
            base_url=address.url,
            model=name,
            is_default=True,
            tool_calls=self.settings.tool_calls,
            credential=credential,
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
        name = asked.get("name") or "default"
        secret = Secret(asked.get("api_key", ""))
        credential = Credential(secret=secret, scheme="basic" if asked.get("scheme") == "basic" else "bearer")
        address = parse_address(asked["base_url"], name)
        return StoredModel(id="", name=name, base_url=address.url, model=name, is_default=False, credential=credential)

    def sealed(self, asked: str | Mapping[str, str] | None) -> str | Mapping[str, str] | None:
        """What a caller asks for, fit to be kept: the key of an endpoint, and what stands in its address as user and
        password, sealed, whatever it looks like. Only so may it come to `find`: a sealed key that a stranger sends must
        not be opened for him. Raises Invalid."""
        if not isinstance(asked, Mapping) or not asked.get("base_url"):
            return asked
        address = parse_address(asked["base_url"], asked.get("name", ""))
        given = self.credential(address, asked.get("api_key", ""))
        return {**asked, "base_url": address.url, "api_key": given.secret.stored, "scheme": given.scheme}

    def credential(self, address: ModelAddress, api_key: str) -> Credential:
        """What a user gives for an address, sealed and bound to it. Raises Invalid for two credentials at once."""
        if address.userinfo and api_key:
            raise Invalid("Give either a key, or a user and password in the address.")
        if not _fits_a_header(api_key):
            raise Invalid("A key is made of letters, digits and signs of ASCII, without spaces.")
        secret = self.sealer.seal(address.userinfo or api_key)
        return Credential(secret=secret, origin=address.origin, scheme="basic" if address.userinfo else "bearer")

    def chat_model(self, stored: StoredModel, sampling: Mapping[str, Any] | None = None) -> ChatModel:
        """The model, ready to be called; its endpoint is asked to sample by `sampling`.

        Raises ModelRefused when its settings cannot be right, KeyNeeded, SecretUnreadable.
        """
        return self.catalogue.open(self.spec(stored, sampling))

    def spec(self, stored: StoredModel, sampling: Mapping[str, Any] | None = None) -> ModelSpec:
        """Where the model is, with its key. Raises KeyNeeded, SecretUnreadable."""
        base_url, key = stored.base_url, ""
        if stored.credential:
            origin = known_address(stored.base_url, stored.model).origin
            try:
                key = stored.credential.opened_for(origin, self.sealer)
            except (SecretUnreadable, KeyNeeded) as error:
                raise type(error)(f"The model {stored.name!r} cannot be used. {error}") from None
        if stored.credential.scheme == "bearer" and not _fits_a_header(key):
            raise KeyNeeded(f"The key of the model {stored.name!r} holds what no key can: enter it again.")
        if key and stored.credential.scheme == "basic":
            base_url, key = with_userinfo(base_url, key), ""
        return ModelSpec(
            name=stored.name,
            base_url=base_url,
            api_key=key,
            model=stored.model,
            profile=self._profile(stored),
            at_once=self.settings.at_once if stored.id == SETTINGS_ID else 0,
            per_minute=self.settings.per_minute if stored.id == SETTINGS_ID else 0,
            sampling=dict(sampling or {}),
        )

    def _profile(self, stored: StoredModel) -> ModelProfile:
        """What is known of a model; what the settings say of prices is of their own model."""
        profile = ModelProfile(tool_calls=stored.tool_calls or "native")
        if stored.id != SETTINGS_ID:
            return profile
        return replace(profile, input_price=self.settings.input_price, output_price=self.settings.output_price)

    def _named(self, connection: Connection, scope: Scope, name: str) -> StoredModel:
        own = self.from_settings()
        stored = Models(connection, scope).named(name) or (own if own and own.name == name else None)
        if stored is None:
            raise Invalid(
                f'There is no model named {name[:100]!r}; configured ones are listed under /models, or "none".'
            )
        return stored


def _fits_a_header(key: str) -> bool:
    """Whether it can be sent as a bearer token at all."""
    return all("!" <= sign <= "~" for sign in key)
