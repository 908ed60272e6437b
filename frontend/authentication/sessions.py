"""Who is let in: the API knows the token, the browser keeps a cookie that the API made of it."""

from __future__ import annotations

import contextlib
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import CookieError, SimpleCookie
from typing import Literal

import httpx2

COOKIE = "chatbot_session"
"""The name the API gives its session cookie; the interface passes it on under the same name."""

Verdict = Literal["admitted", "open", "token_required", "unreachable"]

REMEMBERED_S = 10.0
MOST_REMEMBERED = 1_000
ASK_TIMEOUT_S = 5.0


class ApiUnreachable(Exception):
    """The API did not answer; the message says what to do."""


class TooManyAttempts(Exception):
    """Too many wrong tokens came from this client; it has to wait."""


class Sessions:
    """Asks the API whether a session cookie is good, and remembers the answer for a few seconds."""

    def __init__(self, api_url: str) -> None:
        self._url = f"{api_url}/api/v1"
        self._known: dict[str, tuple[float, Verdict]] = {}
        self._client: httpx2.AsyncClient | None = None

    async def judge(self, cookie: str) -> Verdict:
        """`open` when the API asks nobody for a token, `unreachable` when it does not answer."""
        until, verdict = self._known.get(cookie, (0.0, "unreachable"))
        if time.monotonic() < until:
            return verdict
        verdict = await self._ask(cookie)
        if verdict == "admitted" and await self._ask("") == "admitted":
            verdict = "open"
        if verdict != "unreachable":
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[cookie] = (time.monotonic() + REMEMBERED_S, verdict)
        return verdict

    async def trade(self, token: str, client: str) -> str | None:
        """The cookie for this token, given by the browser at the address `client`; None when it is not the token.

        Raises ApiUnreachable, and TooManyAttempts when that browser has guessed too often.
        """
        headers = {"x-forwarded-for": client} if client else {}
        try:
            response = await self._http().post(f"{self._url}/session", json={"token": token}, headers=headers)
        except httpx2.HTTPError:
            raise ApiUnreachable("The API does not answer. Start it, then try again.") from None
        if response.status_code >= 500:
            raise ApiUnreachable("The API has a problem of its own; its log says which.")
        if response.status_code == 429:
            raise TooManyAttempts
        return response.cookies.get(COOKIE) if response.is_success else None

    async def end(self, cookie: str) -> None:
        """End a session at the API, and remember nothing of it. One that cannot be ended now is at least not let in
        here for as long as it is remembered."""
        if not cookie:
            return
        self._known[cookie] = (time.monotonic() + REMEMBERED_S, "token_required")
        with contextlib.suppress(httpx2.HTTPError):
            await self._http().delete(f"{self._url}/session", headers={"cookie": f"{COOKIE}={cookie}"})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, cookie: str) -> Verdict:
        headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
        try:
            response = await self._http().get(f"{self._url}/version", headers=headers)
        except httpx2.HTTPError:
            return "unreachable"
        if response.status_code == 401:
            return "token_required"
        return "admitted" if response.is_success else "unreachable"

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=ASK_TIMEOUT_S, trust_env=False, cookies=no_cookies())
        return self._client


def no_cookies() -> CookieJar:
    """A jar that keeps nothing: connections are shared by everybody, the session of one must not become that of all."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def wait_for_token_rule(api_url: str, *, patience_s: float) -> bool:
    """Whether the API asks strangers for a token. Raises ApiUnreachable when it does not answer in time."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            response = httpx2.get(f"{api_url}/api/v1/version", timeout=ASK_TIMEOUT_S, trust_env=False)
            if response.status_code == 401 or response.is_success:
                return response.status_code == 401
        except httpx2.HTTPError:
            pass
        if time.monotonic() > deadline:
            raise ApiUnreachable(
                f"The API at {api_url} does not answer, so it is not known whether it asks for a token. Start it first."
            )
        time.sleep(0.5)


def session_cookie(header: str) -> str:
    """The session in a Cookie header; empty when there is none."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
