"""MCP servers that are programs on this host: which an operator allows, and what is kept of a source's command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from agents.tools.mcp.process import ServerCommand
from backend.accounts.sealing import Sealer
from backend.connections.secrets import Credential, SecretStore
from backend.errors import CommandsOff
from knowledge.types import Scope

PURPOSE = "tool-source"
OPTION = "command"
"""Where the options of a source hold its command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenCommand:
    """A command as somebody gives it."""

    command: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_server(self) -> ServerCommand:
        """Ready to be started."""
        return ServerCommand(
            command=self.command,
            arguments=tuple(self.arguments),
            environment=self.environment,
            secrets=self.secrets,
        )


def check_allowed(command: str, allowed: Collection[str]) -> None:
    """Raises CommandsOff."""
    if command in allowed:
        return
    named = f" It allows {', '.join(sorted(allowed))}." if allowed else ""
    raise CommandsOff(
        f"The command {command[:100]!r} is not run: a program on the server may do whatever the server itself may, so "
        f"whoever operates it has to allow each command by the setting CHATBOT_TOOLS__MCP_COMMANDS.{named}"
    )


def kept_command(
    connection: Connection, scope: Scope, sealer: Sealer, given: GivenCommand, name: str
) -> Mapping[str, Any]:
    """What the options of a source hold of a command; its secrets are sealed, and bound to it."""
    shown: dict[str, Any] = {
        "command": given.command,
        "arguments": list(given.arguments),
        "environment": dict(given.environment),
        "secret_names": sorted(given.secrets),
    }
    if given.secrets:
        sealed = Credential(secret=sealer.seal(json.dumps(dict(given.secrets))), origin=_place(shown), scheme="parts")
        shown["secret_id"] = SecretStore(connection, scope).add(sealed, purpose=PURPOSE, label=name)
    return shown


def forget_command(connection: Connection, scope: Scope, options: Mapping[str, Any]) -> None:
    """Delete the secrets of a source's command, if it has some."""
    secret_id = options.get(OPTION, {}).get("secret_id")
    if secret_id:
        SecretStore(connection, scope).delete(secret_id)


def server_command(
    connection: Connection, scope: Scope, sealer: Sealer, options: Mapping[str, Any], allowed: Collection[str]
) -> ServerCommand:
    """The command of a source. Raises CommandsOff, Missing, KeyNeeded when it was changed behind our back,
    SecretUnreadable."""
    kept = options[OPTION]
    check_allowed(kept["command"], allowed)
    secrets: Mapping[str, str] = {}
    if kept.get("secret_id"):
        credential = SecretStore(connection, scope).get(kept["secret_id"])
        secrets = json.loads(credential.opened_for(_place(kept), sealer))
    return ServerCommand(
        command=kept["command"],
        arguments=tuple(kept["arguments"]),
        environment=kept["environment"],
        secrets=secrets,
    )


def _place(kept: Mapping[str, Any]) -> str:
    """What secrets of a command are bound to: the command with all that it is started with."""
    told = json.dumps([kept[name] for name in ("command", "arguments", "environment", "secret_names")], sort_keys=True)
    return f"command {hashlib.sha256(told.encode()).hexdigest()[:16]}"
