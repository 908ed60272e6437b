"""The one HTTP client that fetches what users and documents point at, and that cannot be pointed inwards.

A host is resolved once, every address it has is judged, and the connection is made to the judged address: there is no
second look-up for a hostile name server to answer differently. TLS still verifies the host's name.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import httpcore2
import httpx2

from knowledge.config import FetchConfig, FetchLimits
from knowledge.errors import FetchRefused
from knowledge.sources.addresses import AddressPolicy

Resolver = Callable[[str, int], list[str]]
"""Host and port to addresses, as text. Raises OSError."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LONGEST_URL = 4_096
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[?[0-9A-Fa-f:.]{2,45}\]?")
_BLOCK = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """An answer: its body is the file at `path`, there until the fetch's context ends; none when `not_modified`."""

    url: str
    status: int
    headers: Mapping[str, str]
    media_type: str
    size: int
    path: Path
    not_modified: bool = False


class Fetcher:
    """Fetches public pages over http and https. Safe for several threads; close it, or use it in a `with`."""

    def __init__(self, config: FetchConfig | None = None, *, resolver: Resolver | None = None) -> None:
        config = config or FetchConfig()
        self._limits: FetchLimits = config.limits
        self._user_agent = config.user_agent
        self._deadline = _Deadline()
        policy = AddressPolicy.of(config.allowed_hosts, config.allowed_networks)
        backend = _GuardedBackend(policy, resolver or resolve, self._deadline)
        # No proxy and no .netrc from the environment: either would connect past the guard.
        self._client = httpx2.Client(transport=_GuardedTransport(backend), trust_env=False)

    @contextmanager
    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Fetched]:
        """GET a URL, redirects followed, into a temporary file. Raises FetchRefused with a sentence for the user.

        Refused are other schemes, credentials in the URL, addresses that are not public, too many redirects, bodies
        too large (also after decompression), servers too slow, and any status but 2xx and 304.
        """
        with NamedTemporaryFile(prefix="fetched-") as file:
            yield self._fetch(url, headers or {}, file)

    def _fetch(self, url: str, headers: Mapping[str, str], file: IO[bytes]) -> Fetched:
        self._deadline.at = time.monotonic() + self._limits.max_seconds
        current = checked_url(url)
        for _ in range(self._limits.max_redirects + 1):
            with self._answered(current, headers) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or location is None:
                    return self._received(current, response, file)
                current = checked_url(_joined(current, location))
        raise FetchRefused(f"{url} redirects more than {self._limits.max_redirects} times.")

    @contextmanager
    def _answered(self, url: httpx2.URL, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        timeout = httpx2.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds)
        # Built by hand, so that no cookie of one site or of an earlier fetch is ever sent.
        request = httpx2.Request(
            "GET",
            url,
            headers={"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", **headers},
            extensions={"timeout": timeout.as_dict()},
        )
        response: httpx2.Response | None = None
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
            self._client.cookies.clear()
            yield response
        except (httpcore2.TimeoutException, httpx2.TimeoutException) as error:
            raise FetchRefused(f"{url} took too long to answer.") from error
        except _NETWORK_ERRORS as error:
            raise FetchRefused(f"{url} could not be fetched: {_reason(error)}.") from error
        finally:
            if response is not None:
                response.close()

    def _received(self, url: httpx2.URL, response: httpx2.Response, file: IO[bytes]) -> Fetched:
        if response.status_code != 304 and not response.is_success:
            raise FetchRefused(f"{url} answered {response.status_code} {response.reason_phrase}.".replace(" .", "."))
        size = 0
        if response.status_code != 304:
            size = self._write(url, response, file)
        return Fetched(
            url=str(url),
            status=response.status_code,
            headers={key.lower(): value for key, value in response.headers.items()},
            media_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            size=size,
            path=Path(file.name),
            not_modified=response.status_code == 304,
        )

    def _write(self, url: httpx2.URL, response: httpx2.Response, file: IO[bytes]) -> int:
        claimed = response.headers.get("content-length", "")
        size = int(claimed) if claimed.isdecimal() and len(claimed) < 20 else 0
        too_large = FetchRefused(f"{url} is larger than {self._limits.max_bytes:,} bytes.")
        if size > self._limits.max_bytes:
            raise too_large
        size = 0
        for block in response.iter_bytes(_BLOCK):
            size += len(block)
            if size > self._limits.max_bytes or response.num_bytes_downloaded > self._limits.max_bytes:
                raise too_large
            self._deadline.remaining()
            file.write(block)
        file.flush()
        return size

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def checked_url(url: str | httpx2.URL) -> httpx2.URL:
    """A URL that may be looked up: http or https, with a host, without credentials, its fragment dropped."""
    if len(str(url)) > _LONGEST_URL:
        raise FetchRefused("The URL is too long.")
    try:
        parsed = httpx2.URL(url.strip() if isinstance(url, str) else url)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise FetchRefused(f"{str(url)[:200]!r} is not a URL.") from error
    if parsed.scheme not in ("http", "https"):
        raise FetchRefused(f"Only http and https addresses are fetched, not {parsed.scheme or 'one without a scheme'}.")
    if parsed.userinfo:
        raise FetchRefused("A URL with a user name or password in it is not fetched.")
    if not _HOST.fullmatch(parsed.raw_host.decode("ascii", errors="replace")) or not 0 < (parsed.port or 80) < 65_536:
        raise FetchRefused(f"{str(url)[:200]!r} is not a URL: its host or port cannot be.")
    return parsed.copy_with(fragment=None)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


_NETWORK_ERRORS = (
    httpx2.HTTPError,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ProxyError,
    OSError,
    UnicodeError,
)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


def _joined(base: httpx2.URL, location: str) -> httpx2.URL:
    try:
        return base.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchRefused(f"{base} redirects to something that is not a URL.") from error


class _Deadline(threading.local):
    """When the fetch this thread is in must be over; a server may drip a byte at a time, so reads ask for it too."""

    at: float = 0.0

    def remaining(self, longest: float | None = None) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time for the whole fetch is over")
        return left if longest is None else min(left, longest)


class _GuardedBackend(httpcore2.NetworkBackend):
    """Opens connections only to addresses the policy allows."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, deadline: _Deadline) -> None:
        self._policy = policy
        self._resolver = resolver
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first allowed address of the host that accepts one."""
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in self._allowed(host, port):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self._deadline.remaining(timeout), local_address, socket_options
                )
                return _DeadlineStream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.NetworkStream:
        raise FetchRefused("Local sockets are not fetched from.")

    def _allowed(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolver(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise FetchRefused(f"The host {host} cannot be found.") from error
        # One inward address among public ones is how rebinding looks: the whole host is refused.
        if not all(self._policy.allows(host, address) for address in addresses):
            raise FetchRefused(
                f"The host {host} has a private or special address, which is not fetched from. "
                "An operator can allow it by name or network."
            )
        return addresses


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection whose every wait ends with the fetch."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.remaining(timeout))
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _GuardedTransport(httpx2.BaseTransport):
    """httpx2's own transport offers no way to give its pool another network backend; this one does nothing else."""

    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._pool = httpcore2.ConnectionPool(
            # SSL_CERT_FILE and SSL_CERT_DIR count: companies sign their own sites.
            ssl_context=httpx2.create_ssl_context(trust_env=True),
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=15.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()
