"""Who may talk: a table of hosts and origins for both services, by HTTP and WebSocket, with and without a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.app import create_app
from frontend.authentication.middleware import AuthenticationMiddleware
from frontend.authentication.origin_policy import Policy
from frontend.authentication.proxies import Proxies
from frontend.authentication.sessions import COOKIE, Sessions
from tests.api_client import container
from tests.fake_api import COOKIE_VALUE, FakeApi, make_app
from tests.serving import serving

TOKEN = "a-long-enough-token"
PORT = 8000


@dataclass(frozen=True)
class Setting:
    """How a service was started."""

    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token: bool = False
    peer: str = "127.0.0.1"


LOCAL = Setting()
LOCAL_TOKEN = Setting(token=True)
PUBLIC = Setting(host="0.0.0.0", token=True, peer="192.0.2.9")
NAMED = Setting(host="0.0.0.0", allowed_hosts=("chat.example",), token=True, peer="192.0.2.9")
PROXIED = Setting(allowed_hosts=("chat.example",), allowed_origins=("https://chat.example",), token=True)
PROXIED_OPEN = Setting(allowed_hosts=("chat.example",), allowed_origins=("https://chat.example",))
FRIEND = Setting(allowed_origins=("https://friend.example:8443",), token=True)
FRIEND_OPEN = Setting(allowed_origins=("https://friend.example:8443",))
NEAR_FRIEND = Setting(allowed_origins=("http://localhost:3000",))


@dataclass(frozen=True)
class Row:
    """`known`: the right token, or a session, comes along. `answer` is 200, 401 or 403; of a socket any but 200 is a
    refusal. 401 and 503 are how a service says that it knows nobody."""

    setting: Setting
    answer: int
    host: str = f"127.0.0.1:{PORT}"
    origin: str | None = None
    known: bool = True
    more: Mapping[str, str] = field(default_factory=dict)


def row(setting: Setting, answer: int, host: str = f"127.0.0.1:{PORT}", origin: str | None = None, **more: Any) -> Row:
    return Row(
        setting, answer, host, origin, more.pop("known", True), {k.replace("_", "-"): v for k, v in more.items()}
    )


TLS = {"x_forwarded_proto": "https"}
FAR = {"x_forwarded_for": "203.0.113.5"}
TABLE = [
    # hosts, on loopback without a token
    row(LOCAL, 200),
    row(LOCAL, 200, "localhost:8000"),
    row(LOCAL, 200, "LOCALHOST"),
    row(LOCAL, 200, "[::1]:8000"),
    row(LOCAL, 200, "chat.localhost:8000"),
    row(LOCAL, 403, "evil.example"),
    row(LOCAL, 403, "127.0.0.1.evil.example:8000"),
    row(LOCAL, 403, "localhost@evil.example"),
    row(LOCAL, 403, "evil.example@localhost"),
    row(LOCAL, 403, "localhost:0"),
    row(LOCAL, 403, "localhost:99999"),
    row(LOCAL, 403, "localhost:"),
    row(LOCAL, 403, "localhost:80:80"),
    row(LOCAL, 403, "[::1"),
    row(LOCAL, 403, "[::1]evil"),
    row(LOCAL, 403, "[127.0.0.1]"),
    row(LOCAL, 403, "2130706433"),
    row(LOCAL, 403, "127.0.0.1, evil.example"),
    row(LOCAL, 403, "192.0.2.1:8000"),
    # origins, on loopback without a token
    row(LOCAL, 200, origin="http://127.0.0.1:8000"),
    row(LOCAL, 200, "localhost", "http://localhost"),
    row(LOCAL, 200, "localhost", "http://localhost:80"),
    row(LOCAL, 200, "[::1]:8000", "http://[::1]:8000"),
    row(LOCAL, 403, origin="http://127.0.0.1:8001"),
    row(LOCAL, 403, origin="http://127.0.0.1"),
    row(LOCAL, 403, origin="https://127.0.0.1:8000"),
    row(LOCAL, 403, origin="http://localhost:8000"),
    row(LOCAL, 403, "localhost:8000", "http://127.0.0.1:8000"),
    row(LOCAL, 403, origin="http://evil.example"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000.evil.example"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000@evil.example"),
    row(LOCAL, 403, origin="http://evil.example@127.0.0.1:8000"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000/"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000?x"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000#x"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000\\"),
    row(LOCAL, 403, origin="http://127.0.0.1:8000 http://evil.example"),
    row(LOCAL, 403, origin="null"),
    row(LOCAL, 403, origin=""),
    row(LOCAL, 403, origin="file://"),
    row(LOCAL, 403, origin="chrome-extension://abcdef"),
    row(LOCAL, 403, origin="//127.0.0.1:8000"),
    row(LOCAL, 403, origin="127.0.0.1:8000"),
    row(LOCAL, 403, origin="http://[::1"),
    # what browsers tell of pages that name no origin
    row(LOCAL, 200, sec_fetch_site="same-origin"),
    row(LOCAL, 200, sec_fetch_site="none"),
    row(LOCAL, 403, sec_fetch_site="cross-site"),
    row(LOCAL, 403, sec_fetch_site="same-site"),
    row(LOCAL, 403, sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe"),
    # passed on from afar without a token
    row(LOCAL, 403, **FAR),
    row(LOCAL, 403, x_real_ip="203.0.113.5"),
    row(LOCAL, 403, x_forwarded_host="chat.example"),
    row(LOCAL, 403, forwarded="for=203.0.113.5;proto=https"),
    row(LOCAL, 200, x_forwarded_for="127.0.0.1"),
    # with a token
    row(LOCAL_TOKEN, 200),
    row(LOCAL_TOKEN, 401, known=False),
    row(LOCAL_TOKEN, 403, origin="http://127.0.0.1:8501"),
    row(LOCAL_TOKEN, 200, **FAR),
    row(LOCAL_TOKEN, 403, "chat.example"),
    row(PUBLIC, 200, "chat.example"),
    row(PUBLIC, 401, "chat.example", known=False),
    row(PUBLIC, 200, "192.0.2.1:8000", "http://192.0.2.1:8000"),
    row(PUBLIC, 403, "192.0.2.1:8000", "http://192.0.2.1:8080"),
    row(PUBLIC, 403, "chat.example", "https://chat.example"),
    row(PUBLIC, 403, "chat.example", "https://chat.example", **TLS),  # told by nobody who is trusted
    row(NAMED, 200, "chat.example"),
    row(NAMED, 200, "CHAT.example:8000", "http://chat.example:8000"),
    row(NAMED, 403, "other.example"),
    row(NAMED, 401, "chat.example", known=False),
    # behind a proxy on loopback
    row(PROXIED, 200, "chat.example", "https://chat.example"),
    row(PROXIED, 200, "chat.example", "https://chat.example", **TLS, **FAR),
    row(PROXIED, 200, "chat.example", **TLS),
    row(PROXIED, 401, "chat.example", "https://chat.example", known=False),
    row(PROXIED, 403, "chat.example", "https://chat.example:8443"),
    row(PROXIED, 403, "chat.example", "http://chat.example", **TLS),
    row(PROXIED, 403, "other.example", **TLS),
    row(PROXIED_OPEN, 403, "chat.example"),
    row(PROXIED_OPEN, 403, "chat.example", "https://chat.example"),
    row(PROXIED_OPEN, 403, origin="https://chat.example"),
    row(PROXIED_OPEN, 200),
    # pages of friends
    row(FRIEND, 200, origin="https://friend.example:8443"),
    row(FRIEND, 403, origin="https://friend.example"),
    row(FRIEND, 401, origin="https://friend.example:8443", known=False),
    row(FRIEND_OPEN, 403, origin="https://friend.example:8443"),
    row(NEAR_FRIEND, 200, origin="http://localhost:3000"),
    row(NEAR_FRIEND, 403, origin="http://localhost:3001"),
]


class Services:
    """A client of each service for each setting, made when first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._api_urls: dict[bool, str] = {}
        self._clients: dict[tuple[str, Setting], TestClient] = {}

    def client(self, name: str, setting: Setting) -> TestClient:
        if (name, setting) not in self._clients:
            app = self._api(setting) if name == "api" else self._ui(setting)
            client = TestClient(app, client=(setting.peer, 50_000), follow_redirects=False)
            self._clients[name, setting] = self._stack.enter_context(client)
        return self._clients[name, setting]

    def _api(self, setting: Setting) -> Any:
        api = {
            "host": setting.host, "allowed_hosts": setting.allowed_hosts, "allowed_origins": setting.allowed_origins
        }  # fmt: skip
        folder = self._folder / f"{len(self._clients)}"
        app = create_app(container(folder, api=api, token=TOKEN if setting.token else ""))

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        app.router.routes.append(WebSocketRoute("/api/v1/threads", socket))  # the API has none of its own
        return app

    def _ui(self, setting: Setting) -> Any:
        async def page(request: Request) -> PlainTextResponse:
            return PlainTextResponse("inside")

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        policy = Policy(
            bound_to_loopback=setting.host == "127.0.0.1",
            allowed_hosts=frozenset(setting.allowed_hosts),
            allowed_origins=frozenset(setting.allowed_origins),
        )
        sessions = Sessions(self._api_url(setting.token))
        middleware = Middleware(AuthenticationMiddleware, policy=policy, sessions=sessions, proxies=Proxies())
        routes = [WebSocketRoute("/api/v1/threads", socket), Route("/{rest:path}", page)]
        return Starlette(routes=routes, middleware=[middleware])

    def _api_url(self, token: bool) -> str:
        if token not in self._api_urls:
            fake = make_app(FakeApi(token_required=token))
            self._api_urls[token] = self._stack.enter_context(serving(fake))
        return self._api_urls[token]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(tmp_path_factory.mktemp("services"), stack)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("name", ["api", "ui"])
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_who_may_talk(services: Services, case: Row, name: str, kind: str) -> None:
    headers = {"host": case.host, **case.more}
    if case.origin is not None:
        headers["origin"] = case.origin
    if case.known and case.setting.token:
        known = {"authorization": f"Bearer {TOKEN}"} if name == "api" else {"cookie": f"{COOKIE}={COOKIE_VALUE}"}
        headers |= known
    client = services.client(name, case.setting)
    if kind == "http":
        answer = client.get("/api/v1/threads", headers=headers).status_code
        # An interface that is meant for others says of an API without a token that it is not ready for them.
        assert (403 if name == "ui" and answer == 503 else answer) == case.answer
        return
    try:
        with client.websocket_connect("/api/v1/threads", headers=headers):
            opened = True
    except WebSocketDisconnect:
        opened = False
    assert opened is (case.answer == 200)


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 60


@pytest.mark.parametrize("name", ["api", "ui"])
@pytest.mark.parametrize("header", ["host", "origin"])
def test_a_header_that_comes_twice_is_refused(services: Services, name: str, header: str) -> None:
    own = {"host": f"127.0.0.1:{PORT}", "origin": f"http://127.0.0.1:{PORT}"}
    headers = [*own.items(), (header, own[header])]
    assert services.client(name, LOCAL).get("/api/v1/threads", headers=headers).status_code == 403
