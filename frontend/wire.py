"""The wire to the API: connections, and every failure on it as an ApiError whose text is a sentence for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from frontend.authentication.sessions import no_cookies
from frontend.views import decode

View = TypeVar("View")


class ApiError(Exception):
    """`code` is the API's stable code, `unreachable` when nothing answered; `status` is 0 then."""

    def __init__(self, sentence: str, *, code: str, status: int, details: dict[str, Any] | None = None) -> None:
        """`details`: what else the problem says, such as the id of an approval that is needed."""
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.details = details or {}


def open_connection(api_url: str) -> httpx2.Client:
    """Connections to the API, to be shared by all sessions. Uploads and searches may take their time."""
    timeout = httpx2.Timeout(30.0, connect=5.0, read=120.0, write=120.0)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx2.Client(
        base_url=f"{api_url}/api/v1", timeout=timeout, limits=limits, trust_env=False, cookies=no_cookies()
    )


def path_part(name: str) -> str:
    """An id or name as one part of a path, whatever it holds (it may come from an address a user typed)."""
    return quote(name, safe="").replace(".", "%2E") or "-"


def path_parts(path: str) -> str:
    """A path of several parts, each of them quoted."""
    return "/".join(path_part(part) for part in path.split("/"))


@contextmanager
def sentences() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException:
        raise ApiError("The server took too long to answer.", code="timeout", status=0) from None
    except httpx2.HTTPError:
        raise ApiError("The server does not answer.", code="unreachable", status=0) from None


def checked(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    problem: dict[str, Any] = {}
    try:
        problem = response.json()
        sentence, code = str(problem["detail"]), str(problem.get("code", "error"))
    except (ValueError, KeyError, TypeError):
        sentence, code = f"The server answered {response.status_code}.", "error"
    raise ApiError(sentence, code=code, status=response.status_code, details=problem)


def read(kind: type[View], response: httpx2.Response) -> View:
    try:
        return decode(kind, response.json())  # type: ignore[no-any-return]
    except ValueError as error:
        raise ApiError(f"The server's answer cannot be read ({error}).", code="unreadable", status=0) from error
