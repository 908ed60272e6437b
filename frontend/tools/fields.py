"""Fields that adding and changing have in common: ways to sign in, and the command of an MCP server."""

from __future__ import annotations

import shlex
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.session import texts
from frontend.views import ServerCommand

FIELDS: dict[str, tuple[tuple[str, bool], ...]] = {
    "none": (),
    "bearer": (("token", True),),
    "basic": (("user", False), ("password", True)),
    "api_key": (("name", False), ("place", False), ("value", True)),
    "oauth2": (("token_url", False), ("client_id", False), ("client_secret", True), ("scope", False)),
}
"""The fields of each way to sign in, and whether what is typed there is secret."""


def draw_field(name: str, secret: bool, key: str) -> str:
    """One field of a way to sign in."""
    say = texts()
    if name == "place":
        return str(st.selectbox(say("tools.field_place"), ["header", "query"], key=f"{name}-{key}"))
    kind: Any = "password" if secret else "default"
    optional = say("tools.password_help") if name == "password" else None
    return st.text_input(say(f"tools.field_{name}"), type=kind, key=f"{name}-{key}", help=optional)


def draw_command(before: ServerCommand | None, key: str) -> dict[str, Any] | None:
    """How an MCP server is started; None where that is what it was before."""
    say = texts()
    line = shlex.join([before.command, *before.arguments]) if before is not None else ""
    environment = _lines(before.environment) if before is not None else ""
    typed = st.text_input(say("tools.command"), value=line, key=f"command-{key}", help=say("tools.command_help"))
    variables = st.text_area(say("tools.environment"), value=environment, key=f"environment-{key}")
    if before is not None and before.secret_names:
        st.caption(say("tools.secrets_kept", names=plain_label(", ".join(before.secret_names))))
    secrets = st.text_area(say("tools.secret_environment"), key=f"secrets-{key}", help=say("tools.secrets_help"))
    if before is not None and (typed, variables, secrets.strip()) == (line, environment, ""):
        return None
    return {**_split(typed), "environment": _variables(variables), "secrets": _variables(secrets)}


def _split(line: str) -> dict[str, Any]:
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation mark that is alone
        words = line.split()
    return {"command": words[0] if words else "", "arguments": words[1:]}


def _lines(variables: dict[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in variables.items())


def _variables(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}
