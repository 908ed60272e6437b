"""How a connection signs in: what a caller gives is checked, and parted into what may be shown and what is secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from agents.tools.http.endpoint import ApiKey, Auth, Basic, Bearer, ClientCredentials, NoAuth, Tls
from backend.errors import Invalid
from backend.models.addresses import parse_address

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_TAKEN = frozenset(("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"))
AUTH_FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "bearer": ((), ("token",)),
    "basic": (("user",), ("password",)),
    "api_key": (("name", "place"), ("value",)),
    "oauth2": (("token_url", "client_id", "scope", "audience"), ("client_secret",)),
}
"""By kind: the fields that may be shown, and the secret ones. mTLS and a kubeconfig come beside any of them."""
_OPTIONAL = frozenset(("scope", "audience", "place", "password"))
"""What may be left out; a database that trusts whoever comes from here asks for no password."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """What is kept of how to sign in: `auth` and `tls` may be shown, `parts` are secret."""

    auth: Mapping[str, Any]
    tls: Mapping[str, Any]
    parts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def as_auth(self) -> Auth:
        """What the client sends."""
        shown, parts = self.auth, self.parts
        match shown.get("kind", "none"):
            case "bearer":
                return Bearer(token=parts.get("token", ""))
            case "basic":
                return Basic(user=shown["user"], password=parts.get("password", ""))
            case "api_key":
                return ApiKey(name=shown["name"], place=shown["place"], value=parts.get("value", ""))
            case "oauth2":
                names = ("token_url", "client_id", "scope", "audience")
                given = {name: shown.get(name, "") for name in names}
                return ClientCredentials(**given, client_secret=parts.get("client_secret", ""))
            case _:
                return NoAuth()

    def as_tls(self) -> Tls:
        return Tls(
            ca=self.tls.get("ca", ""),
            certificate=self.tls.get("certificate", ""),
            key=self.parts.get("tls_key", ""),
            verify=self.tls.get("verify", True),
        )

    @property
    def secrets(self) -> Mapping[str, str]:
        """The further values that templates may name."""
        return cast(Mapping[str, str], self.parts.get("secrets", {}))


def parse_sign_in(auth: Mapping[str, Any], tls: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> SignIn:
    """What a caller gave, checked and parted. Raises Invalid."""
    kind = auth.get("kind", "none")
    if kind not in AUTH_FIELDS:
        raise Invalid(f"auth.kind is one of {', '.join(AUTH_FIELDS)}.")
    shown_names, secret_names = AUTH_FIELDS[kind]
    unknown = set(auth) - {"kind", *shown_names, *secret_names}
    if unknown:
        raise Invalid(f"auth of kind {kind} has no field {min(unknown)!r}.")
    for name in (*shown_names, *secret_names):
        if name not in _OPTIONAL and not auth.get(name):
            raise Invalid(f"auth of kind {kind} needs {name!r}.", reason="auth_field_needed", field=name)
    shown = {"kind": kind, **{name: auth[name] for name in shown_names if auth.get(name)}}
    parts: dict[str, Any] = {name: auth[name] for name in secret_names if auth.get(name)}
    _check(kind, shown, parts)
    if tls.get("key"):
        parts["tls_key"] = tls["key"]
    if bool(tls.get("key")) != bool(tls.get("certificate")):
        raise Invalid(
            "A client certificate and its key come together: tls.certificate and tls.key.", reason="certificate_pair"
        )
    if secrets:
        parts["secrets"] = dict(secrets)
        shown["secrets"] = sorted(secrets)
    made = SignIn(
        auth=shown,
        tls={name: value for name, value in tls.items() if name != "key" and value not in ("", None)},
        parts=parts,
    )
    _check_tls(made.as_tls())
    return made


def _check(kind: str, shown: dict[str, Any], secret: Mapping[str, str]) -> None:
    if kind == "api_key":
        shown.setdefault("place", "header")
        if shown["place"] not in ("header", "query"):
            raise Invalid("auth.place is header or query.")
        if shown["place"] == "header" and (not _HEADER.fullmatch(shown["name"]) or shown["name"].lower() in _TAKEN):
            raise Invalid("auth.name is the name of a header, such as X-Api-Key.", reason="auth_header_name")
    if kind == "oauth2":
        shown["token_url"] = parse_address(shown["token_url"], "").url
    if kind == "basic" and ":" in shown["user"]:
        raise Invalid("auth.user must not hold a colon.", reason="auth_colon")
    headers = kind == "bearer" or shown.get("place") == "header"
    if headers and not all("!" <= sign <= "~" for value in secret.values() for sign in value):
        raise Invalid("A key is made of letters, digits and signs of ASCII, without spaces.", reason="auth_key_signs")


def _check_tls(tls: Tls) -> None:
    from agents.tools.http.channel import tls_context
    from agents.tools.http.failures import RequestFailed

    parts = {"ca": replace(tls, certificate="", key=""), "certificate": replace(tls, ca="")}
    for name, part in parts.items():
        try:
            if getattr(part, name):
                tls_context(part)
        except RequestFailed as error:
            raise Invalid(str(error), reason=f"{name}_unreadable") from None
