"""Who reaches the interface: not foreign pages, and where a token is asked for, nobody without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from frontend.__main__ import main
from frontend.authentication.middleware import AuthenticationMiddleware, log_in, log_out, show_login
from frontend.authentication.origin_policy import Policy
from frontend.authentication.proxies import Proxies
from frontend.authentication.sessions import COOKIE, Sessions
from tests.fake_api import COOKIE_VALUE, TOKEN, FakeApi, make_app
from tests.serving import serving

LOOPBACK = Policy(bound_to_loopback=True)
SOCKET = "ws://127.0.0.1:8501/_stcore/stream"
OPEN = Policy(bound_to_loopback=False)


Behind = Callable[..., TestClient]


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def api_url(fake: FakeApi) -> Iterator[str]:
    with serving(make_app(fake)) as url:
        yield url


@pytest.fixture
def behind_gate(api_url: str) -> Iterator[Behind]:
    """Makes clients of applications behind a gate, and closes them at the end."""
    with ExitStack() as stack:
        yield lambda policy, host="127.0.0.1:8501", api=api_url, **how: stack.enter_context(
            _client(policy, host, api, **how)
        )


def _client(
    policy: Policy, host: str, api_url: str, *, peer: str = "127.0.0.1", trusted: Sequence[str] = ("127.0.0.1",)
) -> TestClient:
    sessions = Sessions(api_url)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await sessions.close()

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside")

    async def enter(request: Request) -> PlainTextResponse:
        return await log_in(request, sessions)  # type: ignore[return-value]

    async def leave(request: Request) -> PlainTextResponse:
        return await log_out(request, sessions)  # type: ignore[return-value]

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("inside")

    app = Starlette(
        routes=[
            Route("/login", show_login, methods=["GET"]),
            Route("/login", enter, methods=["POST"]),
            Route("/logout", leave, methods=["GET"]),
            WebSocketRoute("/_stcore/stream", socket),
            Route("/{rest:path}", page),
        ],
        middleware=[Middleware(AuthenticationMiddleware, policy=policy, sessions=sessions, proxies=Proxies(trusted))],
        lifespan=lifespan,
    )
    return TestClient(app, base_url=f"http://{host}", follow_redirects=False, client=(peer, 50_000))


@pytest.mark.parametrize(
    ("policy", "headers", "admitted"),
    [
        (LOOPBACK, {"host": "127.0.0.1:8501"}, True),
        (LOOPBACK, {"host": "localhost:8501"}, True),
        (LOOPBACK, {"host": "[::1]:8501"}, True),
        (LOOPBACK, {"host": "evil.example"}, False),
        (LOOPBACK, {"host": "127.0.0.1.evil.example"}, False),
        (LOOPBACK, {"host": "localhost@evil.example"}, False),
        (LOOPBACK, {}, False),
        (LOOPBACK, {"host": "localhost:8501", "origin": "http://localhost:8501"}, True),
        (LOOPBACK, {"host": "localhost:8501", "origin": "http://127.0.0.1:8501"}, False),
        (LOOPBACK, {"host": "localhost:8501", "origin": "https://evil.example"}, False),
        (LOOPBACK, {"host": "localhost:8501", "origin": "null"}, False),
        (LOOPBACK, {"host": "localhost:8501", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        (LOOPBACK, {"host": "localhost:8501", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                    "sec-fetch-dest": "document"}, True),
        (LOOPBACK, {"host": "localhost:8501", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                    "sec-fetch-dest": "iframe"}, False),
        (OPEN, {"host": "chat.example"}, True),
        (OPEN, {"host": "chat.example", "origin": "http://chat.example"}, True),
        (OPEN, {"host": "chat.example", "origin": "https://chat.example"}, False),
        (OPEN, {"host": "chat.example", "origin": "https://other.example"}, False),
        (Policy(bound_to_loopback=False, allowed_hosts=frozenset({"chat.example"})), {"host": "x.example"}, False),
        (Policy(bound_to_loopback=False, allowed_origins=frozenset({"https://ok.example"})),
         {"host": "chat.example", "origin": "https://ok.example"}, True),
    ],
)  # fmt: skip
def test_only_our_own_pages_are_answered(policy: Policy, headers: dict[str, str], admitted: bool) -> None:
    assert (policy.refusal(headers) == "") is admitted


def test_a_forged_host_is_refused_over_http_and_websocket(behind_gate: Behind) -> None:
    client = behind_gate(LOOPBACK, host="evil.example")
    assert client.get("/").status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://evil.example/_stcore/stream"):
        pass


def test_a_foreign_origin_gets_no_websocket(behind_gate: Behind) -> None:
    client = behind_gate(LOOPBACK)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(SOCKET, headers={"origin": "https://evil.example"}),
    ):
        pass
    with client.websocket_connect(SOCKET, headers={"origin": "http://127.0.0.1:8501"}) as socket:
        assert socket.receive_text() == "inside"


def test_on_loopback_without_a_token_everyone_is_let_in(behind_gate: Behind) -> None:
    answer = behind_gate(LOOPBACK).get("/")
    assert answer.text == "inside"
    assert "img-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_strangers_are_sent_to_the_login_and_get_no_websocket(fake: FakeApi, behind_gate: Behind) -> None:
    fake.token_required = True
    client = behind_gate(OPEN, host="chat.example")
    answer = client.get("/knowledge?kb=1", headers={"accept": "text/html"})
    assert answer.headers["location"] == "/login?next=%2Fknowledge%3Fkb%3D1"
    assert client.get("/static/x.js").status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://chat.example/_stcore/stream"):
        pass


def test_the_token_is_traded_for_a_cookie_that_scripts_cannot_read(fake: FakeApi, behind_gate: Behind) -> None:
    fake.token_required = True
    client = behind_gate(OPEN, host="chat.example")
    assert "CHATBOT_TOKEN" in client.get("/login").text
    assert client.post("/login", data={"token": "guess"}).status_code == 401
    entered = client.post("/login?next=/knowledge", data={"token": TOKEN})
    assert entered.headers["location"] == "/knowledge"
    assert f"{COOKIE}={COOKIE_VALUE}" in entered.headers["set-cookie"]
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert client.get("/", headers={"accept": "text/html"}).text == "inside"
    client.cookies.clear()
    assert client.get("/").status_code == 401  # the session of one is not that of the next


def test_a_session_ends_at_log_out(fake: FakeApi, behind_gate: Behind) -> None:
    fake.token_required = True
    client = behind_gate(OPEN, host="chat.example")
    client.post("/login", data={"token": TOKEN})
    kept = dict(client.cookies)
    assert client.get("/").text == "inside"
    assert client.get("/logout").headers["location"] == "/login"
    client.cookies.update(kept)
    assert client.get("/").status_code == 401
    assert fake.ended == [COOKIE_VALUE]


def test_the_cookie_is_secure_behind_tls(fake: FakeApi, behind_gate: Behind) -> None:
    fake.token_required = True
    client = behind_gate(OPEN, host="chat.example", peer="10.0.0.2", trusted=("10.0.0.0/24",))
    told = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    assert "Secure" in client.post("/login", data={"token": TOKEN}, headers=told).headers["set-cookie"]
    assert "Secure" not in client.post("/login", data={"token": TOKEN}).headers["set-cookie"]
    assert fake.clients == ["192.0.2.7", "10.0.0.2"]
    distrusting = behind_gate(OPEN, host="chat.example", peer="10.0.0.2", trusted=("10.9.0.0/24",))
    assert "Secure" not in distrusting.post("/login", data={"token": TOKEN}, headers=told).headers["set-cookie"]


def test_who_guesses_too_often_is_told_to_wait(fake: FakeApi, behind_gate: Behind) -> None:
    fake.token_required = fake.slow = True
    assert behind_gate(OPEN, host="chat.example").post("/login", data={"token": "guess"}).status_code == 429


@pytest.mark.parametrize("option", ["--allowed-host", "--allowed-origin"])
def test_it_refuses_to_start_for_a_proxy_without_a_token(
    api_url: str, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    value = "https://chat.example" if option.endswith("origin") else "chat.example"
    assert main(["--port", "0", "--api-url", api_url, option, value]) == 2
    assert "CHATBOT_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_the_login_leads_nowhere_else(fake: FakeApi, behind_gate: Behind, target: str) -> None:
    fake.token_required = True
    client = behind_gate(OPEN, host="chat.example")
    assert client.post("/login", params={"next": target}, data={"token": TOKEN}).headers["location"] == "/"


def test_nothing_is_served_to_others_while_the_api_asks_for_no_token(behind_gate: Behind) -> None:
    client = behind_gate(OPEN, host="chat.example")
    assert client.get("/").status_code == 503


def test_it_refuses_to_start_for_others_without_a_token(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "0.0.0.0", "--port", "0", "--api-url", api_url]) == 2
    assert "CHATBOT_TOKEN" in capsys.readouterr().err


def test_an_api_that_is_away_does_not_open_the_door(behind_gate: Behind) -> None:
    client = behind_gate(OPEN, host="chat.example", api="http://127.0.0.1:9")
    assert client.get("/").status_code == 503
