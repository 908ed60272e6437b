"""What is kept of an endpoint between its requests: connections, a token, turns. Belongs to one event loop."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import httpcore2
import httpx2

from agents.tools.http.endpoint import Endpoint, Tls
from agents.tools.http.failures import RequestFailed
from agents.tools.http.limits import Turnstile
from agents.tools.http.masking import Masker
from agents.tools.http.network import AsyncResolver, GuardedBackend


class Channel:
    """An endpoint made ready for requests. `token` is what client credentials brought, until `token_until`."""

    def __init__(self, endpoint: Endpoint, resolver: AsyncResolver) -> None:
        trusted = [place for url in _urls(endpoint) if (place := _place(url))] if endpoint.allow_private else []
        self.pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls_context(endpoint.tls),
            max_connections=endpoint.limits.concurrency + 2,
            max_keepalive_connections=4,
            keepalive_expiry=15.0,
            network_backend=GuardedBackend(trusted, resolver),
        )
        self.turnstile = Turnstile(endpoint.limits)
        self.secrets = tuple(endpoint.secret_values())
        self.masker = Masker(self.secrets)
        self.token = ""
        self.token_until = 0.0

    def keep_token(self, token: str, until: float) -> None:
        """Use this token from now on, and mask it."""
        self.token, self.token_until = token, until
        self.masker = Masker((*self.secrets, token))


def _urls(endpoint: Endpoint) -> list[str]:
    token_url = getattr(endpoint.auth, "token_url", "")
    return [endpoint.base_url, token_url] if token_url else [endpoint.base_url]


def _place(url: str) -> tuple[str, int] | None:
    try:
        parsed = httpx2.URL(url)
        port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
        return parsed.raw_host.decode("ascii").strip("[]").lower(), port
    except (httpx2.InvalidURL, ValueError, TypeError, KeyError):
        return None


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The TLS that a connection asks for. Raises RequestFailed for texts that are no certificates."""
    # SSL_CERT_FILE and SSL_CERT_DIR count: companies sign their own sites.
    if not tls.verify:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif tls.ca:
        context = _trusting(tls.ca)
    else:
        context = _default_context()
    if tls.certificate:
        if context is _default_context():
            context = httpx2.create_ssl_context(trust_env=True)
        _show(context, tls)
    return context


_DEFAULT: list[ssl.SSLContext] = []


def _default_context() -> ssl.SSLContext:
    if not _DEFAULT:
        _DEFAULT.append(httpx2.create_ssl_context(trust_env=True))
    return _DEFAULT[0]


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise RequestFailed("The certificate of the authority cannot be read: it is a text in PEM.", "tls") from None


def _show(context: ssl.SSLContext, tls: Tls) -> None:
    """Load the client certificate. The ssl module reads files alone: one that only we may read, and briefly."""
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(f"{tls.certificate.strip()}\n{tls.key.strip()}\n")
        try:
            context.load_cert_chain(path, password=lambda: b"")
        except (ssl.SSLError, ValueError, OSError):
            raise RequestFailed(
                "The client certificate and its key cannot be used together: both are texts in PEM, the key without a "
                "password.",
                "tls",
            ) from None
