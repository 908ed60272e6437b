"""Reads a kubeconfig: the server, what to trust and how to sign in. Programs named in one are never run."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.errors import ToolsetInvalid
from agents.tools.yaml.loading import load_yaml
from backend.errors import Invalid

_LONGEST = 200_000
_EXECUTES = (
    "This kubeconfig signs in by running a program ({what}), which is not done here: make a service account and give "
    "its token."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kubeconfig:
    """One context of a kubeconfig, as `auth` and `tls` of a connection."""

    base_url: str
    namespace: str = ""
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_kubeconfig(text: str, context: str = "") -> Kubeconfig:
    """The named context, or the current one. Raises Invalid with what is missing or cannot be used."""
    config = _loaded(text)
    name = context or config.get("current-context") or ""
    chosen = _named(config, "contexts", "context", name, "context")
    cluster = _named(config, "clusters", "cluster", chosen.get("cluster", ""), "cluster")
    user = _named(config, "users", "user", chosen["user"], "user") if chosen.get("user") else {}
    server = cluster.get("server")
    if not isinstance(server, str) or not server:
        raise Invalid("The kubeconfig names no server for this context.", reason="kubeconfig_no_server")
    if cluster.get("proxy-url"):
        raise Invalid("The kubeconfig names a proxy, which is not used here.", reason="kubeconfig_proxy")
    tls: dict[str, Any] = {"ca": _data(cluster, "certificate-authority")}
    if cluster.get("insecure-skip-tls-verify") is True:
        tls["verify"] = False
    tls["certificate"], tls["key"] = _data(user, "client-certificate"), _data(user, "client-key")
    return Kubeconfig(
        base_url=server,
        namespace=str(chosen.get("namespace") or ""),
        auth=_auth(user),
        tls={key: value for key, value in tls.items() if value != ""},
    )


def _auth(user: Mapping[str, Any]) -> dict[str, Any]:
    for what in ("exec", "auth-provider"):
        if what in user:
            raise Invalid(_EXECUTES.format(what=what), reason="kubeconfig_executes", what=what)
    if user.get("tokenFile"):
        raise Invalid(
            "The kubeconfig names a file with a token, which is on another machine: put the token itself in.",
            reason="kubeconfig_token_file",
        )
    if user.get("token"):
        return {"kind": "bearer", "token": str(user["token"]).strip()}
    if user.get("username"):
        return {"kind": "basic", "user": str(user["username"]), "password": str(user.get("password") or "")}
    return {"kind": "none"}


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        config = load_yaml(text, longest=_LONGEST)
    except ToolsetInvalid as error:
        raise Invalid(f"This is no kubeconfig. {error}", reason="kubeconfig_unreadable") from None
    if not isinstance(config, dict) or "contexts" not in config:
        raise Invalid("This is no kubeconfig: it has no contexts.", reason="kubeconfig_no_contexts")
    return config


def _named(config: Mapping[str, Any], group: str, inner: str, name: str, what: str) -> Mapping[str, Any]:
    entries = config.get(group)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(inner), dict):
            found: Mapping[str, Any] = entry[inner]
            return found
    shown = str(name)[:100]
    raise Invalid(f"The kubeconfig has no {what} named {shown!r}.", reason="kubeconfig_lacks", what=what, entry=shown)


def _data(entry: Mapping[str, Any], name: str) -> str:
    data = entry.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            raise Invalid(
                f"{name}-data of the kubeconfig is not base64 of a PEM text.", reason="kubeconfig_not_pem", entry=name
            ) from None
    if entry.get(name):
        raise Invalid(
            f"The kubeconfig names a file for {name}: make one with its data (kubectl config view --raw --flatten).",
            reason="kubeconfig_file",
            entry=name,
        )
    return ""
