"""How a request may come to nothing, named so that a person can put it right."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Literal

import httpcore2

from agents.errors import ToolFailed

Cause = Literal[
    "url", "address", "dns", "refused", "tls", "timeout", "redirect", "size", "protocol", "busy", "token",
    "unauthorized", "forbidden", "not_found",
]  # fmt: skip


class RequestFailed(ToolFailed):
    """A request that got no answer. `cause` says why in one word."""

    def __init__(self, message: str, cause: Cause) -> None:
        super().__init__(message)
        self.cause: Cause = cause


def failure_of(error: BaseException, host: str) -> RequestFailed:
    """What a network error means for whoever has to put it right."""
    chain = list(_causes(error))
    for each in chain:
        if isinstance(each, RequestFailed):
            return each
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            why = each.verify_message or "certificate verify failed"
            return RequestFailed(
                f"The certificate of {host} is not trusted ({why}): give the authority that signed it as `ca`.", "tls"
            )
        if isinstance(each, ssl.SSLError):
            reason = (each.reason or "handshake failed").replace("_", " ").lower()
            return RequestFailed(
                f"No TLS with {host} ({reason}): is it https, and is a client certificate asked for?", "tls"
            )
    if isinstance(error, httpcore2.TimeoutException | TimeoutError):
        return RequestFailed(f"{host} did not answer in time.", "timeout")
    if any(isinstance(each, ConnectionRefusedError) for each in chain):
        return RequestFailed(f"{host} refused the connection: is the service running, is the port right?", "refused")
    if isinstance(error, httpcore2.ConnectError):
        return RequestFailed(f"{host} cannot be connected to: {_reason(error)}.", "refused")
    return RequestFailed(f"{host} broke off or does not speak HTTP: {_reason(error)}.", "protocol")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 12:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _causes(each)
        error, seen = error.__cause__ or error.__context__, seen + 1


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
