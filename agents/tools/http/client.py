"""Sends requests to endpoints: bounded, on time, checked again at every redirect, and without a trace of secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import anyio
import httpcore2
import httpx2

from agents.tools.bounded_json import read_bounded_json
from agents.tools.http.channel import Channel
from agents.tools.http.endpoint import ApiKey, Basic, Bearer, ClientCredentials, Endpoint
from agents.tools.http.failures import Cause, RequestFailed, failure_of
from agents.tools.http.network import AsyncResolver, allowed_addresses, resolve
from knowledge.errors import FetchRefused
from knowledge.sources.fetcher import checked_url

USER_AGENT = "DevOpsChatBot"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
_MOST_CHANNELS = 64
_LONGEST_RETRY = 5.0
_CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization"))


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """A request below an endpoint's address. `target` is a path with its query, encoded already; `headers`
    and `body` are sent as they are."""

    method: str = "GET"
    target: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_enough: Callable[[bytes], bool] | None = None
    """Asked with what has come so far of a body whose end may never come: whether the rest is not waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAnswer:
    """An answer, secrets masked. `url` shows neither credentials nor keys."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: float = 0.0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text; what is none is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return read_bounded_json(self.body)


class HttpClient:
    """Speaks to endpoints for all tools of a process; close it. May be used in several event loops, one after another
    or at once: nothing is shared between them."""

    def __init__(self, resolver: AsyncResolver | None = None) -> None:
        self._resolver = resolver or resolve
        self._channels: weakref.WeakKeyDictionary[Any, OrderedDict[str, Channel]] = weakref.WeakKeyDictionary()

    async def send(self, endpoint: Endpoint, request: HttpRequest) -> HttpAnswer:
        """The answer to a request, whatever its status. Raises RequestFailed with a masked sentence for the user."""
        channel = self.channel(endpoint)
        limits, started = endpoint.limits, time.monotonic()
        try:
            with anyio.fail_after(limits.timeout_s):
                async with channel.turnstile.turn(limits.timeout_s):
                    answer = await self._with_retry(_Exchange(endpoint, channel), request)
        except Exception as error:  # whatever a network or a hostile server does
            failure = failure_of(error, _host_of(endpoint.base_url))
            raise RequestFailed(channel.masker.mask(str(failure)), failure.cause) from None
        return _masked(answer, channel, (time.monotonic() - started) * 1000)

    def channel(self, endpoint: Endpoint) -> Channel:
        """What is kept for an endpoint in this event loop. Raises RequestFailed for certificates that are none."""
        channels = self._channels.setdefault(asyncio.get_running_loop(), OrderedDict())
        key = endpoint.fingerprint
        if key not in channels:
            channels[key] = Channel(endpoint, self._resolver)
        channels.move_to_end(key)
        while len(channels) > _MOST_CHANNELS:
            channels.popitem(last=False)
        return channels[key]

    async def addresses(self, host: str, port: int, *, is_trusted: bool) -> list[str]:
        """Where a host may be reached by something else than HTTP. Raises RequestFailed."""
        return await allowed_addresses(host, port, self._resolver, is_trusted=is_trusted)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        for channel in self._channels.pop(asyncio.get_running_loop(), {}).values():
            await channel.pool.aclose()

    async def _with_retry(self, exchange: _Exchange, request: HttpRequest) -> HttpAnswer:
        """Once more where the platform asks to wait a little, and where an OAuth token was taken back."""
        answer = await exchange.send(request)
        if answer.status == 401 and isinstance(exchange.endpoint.auth, ClientCredentials) and exchange.forget_token():
            return await exchange.send(request)
        if answer.status in (429, 503) and request.method in ("GET", "HEAD"):
            wait = answer.headers.get("retry-after", "")
            if wait.isdecimal() and len(wait) < 6 and float(wait) <= _LONGEST_RETRY:
                await anyio.sleep(float(wait))
                return await exchange.send(request)
        return answer


class _Exchange:
    """One call: its redirects and its token."""

    def __init__(self, endpoint: Endpoint, channel: Channel) -> None:
        self.endpoint = endpoint
        self._channel = channel
        self._fresh_token = False
        self._is_enough: Callable[[bytes], bool] | None = None

    async def send(self, request: HttpRequest) -> HttpAnswer:
        url = target_url(self.endpoint.base_url, request.target)
        self._is_enough = request.is_enough
        origin, method, body, headers = origin_of(url), request.method, request.body, dict(request.headers)
        for _ in range(_MOST_REDIRECTS + 1):
            inside = origin_of(url) == origin
            if not inside:
                # Whatever is secret stays where it was given for; keys may stand in any header of a template.
                headers = {name: value for name, value in headers.items() if name.lower() in ("accept", "user-agent")}
                body = b""
            answer = await self._once(url, method, headers, body, inside)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            if method not in ("GET", "HEAD"):
                raise RequestFailed(
                    f"{method} {_shown(url)} was answered with a redirect, which is not followed.", "redirect"
                )
            url = _checked(_joined(url, location), "redirect")
        raise RequestFailed(f"{_shown(url)} redirects more than {_MOST_REDIRECTS} times.", "redirect")

    def forget_token(self) -> bool:
        """Whether there is an older token to forget, so that asking again may help."""
        if self._fresh_token or not self._channel.token:
            return False
        self._channel.token = ""
        return True

    async def _once(
        self, url: httpx2.URL, method: str, headers: Mapping[str, str], body: bytes, signed: bool
    ) -> HttpAnswer:
        url, extra = await self._signed(url) if signed else (url, {})
        everything = {"Accept": "application/json, */*;q=0.5", "User-Agent": USER_AGENT, **headers, **extra}
        status, answered, content = await self._exchange(url, method, everything, body)
        return HttpAnswer(status=status, url=_shown(url), headers=answered, body=content)

    async def _exchange(
        self, url: httpx2.URL, method: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        limit = self.endpoint.limits.max_bytes
        request = httpx2.Request(
            method, url, headers={"Accept-Encoding": "gzip, deflate", **headers}, content=body or None
        )
        timeout = httpx2.Timeout(self.endpoint.limits.timeout_s, connect=min(10.0, self.endpoint.limits.timeout_s))
        raw = await self._channel.pool.handle_async_request(
            httpcore2.Request(
                method=method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"timeout": timeout.as_dict()},
            )
        )
        response = httpx2.Response(raw.status, headers=raw.headers, stream=_Body(raw))
        try:
            content = b"" if method == "HEAD" else await _read(response, limit, _shown(url), self._is_enough)
        finally:
            with suppress(Exception):
                await response.aclose()
        return raw.status, {name.lower(): value for name, value in response.headers.items()}, content

    async def _signed(self, url: httpx2.URL) -> tuple[httpx2.URL, dict[str, str]]:
        """The URL and the headers with what signs in. Values are checked when stored, and here once more: a line
        break in a header would be a second header."""
        match self.endpoint.auth:
            case Bearer(token=token):
                return url, {"Authorization": f"Bearer {_line(token)}"}
            case Basic(user=user, password=password):
                pair = base64.b64encode(f"{user}:{password}".encode()).decode()
                return url, {"Authorization": f"Basic {pair}"}
            case ApiKey(name=name, place="header", value=value):
                return url, {_line(name): _line(value)}
            case ApiKey(name=name, place="query", value=value):
                return with_query(url, [(name, value)]), {}
            case ClientCredentials():
                return url, {"Authorization": f"Bearer {_line(await self._token(self.endpoint.auth))}"}
            case _:
                return url, {}

    async def _token(self, auth: ClientCredentials) -> str:
        if self._channel.token and time.monotonic() < self._channel.token_until:
            return self._channel.token
        asked = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
        pair = base64.b64encode(
            f"{quote(auth.client_id, safe='')}:{quote(auth.client_secret, safe='')}".encode()
        ).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({name: value for name, value in asked.items() if value}).encode()
        url = _checked(auth.token_url, "url")
        status, _, content = await self._exchange(url, "POST", {**headers, "Accept": "application/json"}, body)
        token, seconds = _granted(status, content, _shown(url))
        self._channel.keep_token(token, time.monotonic() + max(5.0, seconds - 30))
        self._fresh_token = True
        return token


def _granted(status: int, content: bytes, shown: str) -> tuple[str, float]:
    try:
        found = json.loads(content)
        token, seconds = found["access_token"], found.get("expires_in", 300)
        if 200 <= status < 300 and isinstance(token, str) and token:
            return token, float(seconds)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise RequestFailed(
        f"{shown} gave no token (HTTP {status}): are the client's id and secret right, and its scope allowed?", "token"
    )


async def _read(response: httpx2.Response, limit: int, shown: str, is_enough: Callable[[bytes], bool] | None) -> bytes:
    blocks, size = [], 0
    async for block in response.aiter_bytes():
        size += len(block)
        if size > limit:
            raise RequestFailed(
                f"The answer of {shown} is larger than {limit:,} bytes: ask for less (a limit, a shorter time).", "size"
            )
        blocks.append(block)
        # Events end with an empty line: only there is it worth looking.
        if is_enough is not None and block.endswith((b"\n\n", b"\n\r\n")) and is_enough(b"".join(blocks)):
            break
    return b"".join(blocks)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> Any:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def target_url(base_url: str, target: str) -> httpx2.URL:
    """The URL of a path (encoded already) below a base address; it cannot leave the base's origin. Raises
    RequestFailed."""
    base = _checked(base_url, "url")
    path, _, query = target.partition("?")
    segments = path.split("/")
    # Servers and proxies read `..` also when it is encoded; no path of ours goes up.
    if any(each.replace("%2e", ".").replace("%2E", ".") in (".", "..") for each in segments) or "\\" in path:
        raise RequestFailed("A path must not hold `.` or `..` as a part.", "url")
    prefix = base.raw_path.partition(b"?")[0].decode("ascii")
    whole = f"{prefix.rstrip('/')}/{path.lstrip('/')}" if path else prefix or "/"
    own = base.query.decode("ascii")
    query = "&".join(part for part in (own, query) if part)
    raw = f"{whole}?{query}" if query else whole
    if not raw.isascii() or any(sign <= " " or sign == "\x7f" or sign == "#" for sign in raw):
        raise RequestFailed("The path or the query is not encoded.", "url")
    return _with_raw_path(base, raw.encode("ascii"))


def with_query(url: httpx2.URL, pairs: Sequence[tuple[str, str]]) -> httpx2.URL:
    """The URL with these parameters at its end."""
    query = "&".join(part for part in (url.query.decode("ascii"), urlencode(pairs, quote_via=quote)) if part)
    path = url.raw_path.partition(b"?")[0]
    return _with_raw_path(url, path + b"?" + query.encode("ascii") if query else path)


def _with_raw_path(url: httpx2.URL, raw: bytes) -> httpx2.URL:
    try:
        return url.copy_with(raw_path=raw)
    except httpx2.InvalidURL:
        raise RequestFailed(
            f"The path and the query have {len(raw):,} characters, more than an address can: send less.", "url"
        ) from None


def origin_of(url: httpx2.URL) -> tuple[str, bytes, int]:
    """Scheme, host and port."""
    return url.scheme, url.raw_host, url.port or (443 if url.scheme == "https" else 80)


def _checked(url: str | httpx2.URL, cause: Cause) -> httpx2.URL:
    try:
        return checked_url(url)
    except FetchRefused as error:
        raise RequestFailed(str(error), cause) from None


def _joined(base: httpx2.URL, location: str) -> httpx2.URL:
    try:
        return base.join(location)
    except (httpx2.InvalidURL, ValueError):
        raise RequestFailed(f"{_shown(base)} redirects to something that is not a URL.", "redirect") from None


def _shown(url: httpx2.URL) -> str:
    return str(url.copy_with(username=None, password=None))[:2_000]


def _host_of(url: str) -> str:
    try:
        return httpx2.URL(url).netloc.decode("ascii") or "The address"
    except (httpx2.InvalidURL, ValueError, TypeError):
        return "The address"


def _line(value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value:
        raise RequestFailed("A stored credential holds what no header can: enter it again.", "url")
    return value


def _masked(answer: HttpAnswer, channel: Channel, elapsed_ms: float) -> HttpAnswer:
    mask = channel.masker.mask
    body = answer.body
    if channel.secrets or channel.token:
        text = body.decode("utf-8", "surrogateescape")
        body = mask(text).encode("utf-8", "surrogateescape")
    return HttpAnswer(
        status=answer.status,
        url=mask(answer.url),
        headers={mask(name): mask(value) for name, value in answer.headers.items()},
        body=body,
        elapsed_ms=elapsed_ms,
    )
