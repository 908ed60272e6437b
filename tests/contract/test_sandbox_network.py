"""Sessions with a network, on real engines: what is allowed is reached through the proxy, and nothing else is."""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import pytest_asyncio

from knowledge.sources.addresses import AddressPolicy
from sandbox.link import AgentLink
from sandbox.network.access import NetworkAccess, SessionNetworks
from sandbox.network.hosts import HostRule
from sandbox.network.limits import NetworkLimits
from sandbox.network.policy import NetworkPolicy, Packages, index_rule
from sandbox.types import SessionSpec
from tests.sandboxes import ADAPTERS, Lab, engine_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHEEL = "tinything-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """A package of one module and one command."""
    about = "Metadata-Version: 2.1\nName: tinything\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("tinything.py", "def hello():\n    print('hello from tinything')\n")
        archive.writestr("tinything-1.0.dist-info/METADATA", about)
        archive.writestr("tinything-1.0.dist-info/WHEEL", kind)
        archive.writestr("tinything-1.0.dist-info/entry_points.txt", "[console_scripts]\ntiny = tinything:hello\n")
        archive.writestr("tinything-1.0.dist-info/RECORD", "")
    return made.getvalue()


class Index(BaseHTTPRequestHandler):
    """A simple index of one package, and a page that never ends."""

    package = wheel()

    def do_GET(self) -> None:
        digest = hashlib.sha256(self.package).hexdigest()
        pages = {
            "/simple/tinything/": f'<a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'.encode(),
            f"/files/{WHEEL}": self.package,
            "/big": bytes(3_000_000),
        }
        content = pages.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def index() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ADAPTERS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    opened = Lab(engine_of(request.param), owner="network")
    yield opened
    await opened.close()


async def _resolve(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def opened(lab: Lab, index: int) -> tuple[AgentLink, NetworkAccess]:
    url = f"http://index.test:{index}/simple"
    packages = Packages(python_index=url, rules=(index_rule(url),))
    policy = NetworkPolicy(rules=(HostRule.parse("inside.test"),), packages=packages)
    addresses = AddressPolicy.of(("index.test",), ())
    limits = NetworkLimits(connections=8, requests=1500)
    networks = SessionNetworks(policy=policy, addresses=addresses, limits=limits, resolve=_resolve)
    access = networks.access(secrets.token_hex(16), policy.all_rules)
    spec = SessionSpec(id=access.log.session_id, owner="network", installation=lab.installation, network=access)
    link = await lab.engine.open(spec)
    assert isinstance(link, AgentLink)
    return link, access


REACHING = """
import socket, urllib.request, urllib.error
def got(url):
    try: return len(urllib.request.urlopen(url, timeout=10).read())
    except urllib.error.HTTPError as error: return error.code
def direct(host, port):
    try: socket.create_connection((host, port), timeout=3).close(); return "reached"
    except OSError as error: return type(error).__name__
print(got("http://index.test:{port}/big"), got("http://inside.test/"), got("http://127.0.0.2:{port}/big"),
      got("http://other.test/"), direct("1.1.1.1", 80), direct("127.0.0.1", {port}), direct("index.test", {port}))
"""
MANY = """
import socket, threading
found = []
def one():
    try:
        with socket.create_connection(("127.0.0.1", 3128), timeout=30) as plain:
            plain.sendall(b"CONNECT evil.test:443 HTTP/1.1\\r\\nHost: evil.test:443\\r\\n\\r\\n")
            found.append(plain.recv(100)[9:12])
    except OSError as error:
        found.append(error)
for _ in range(25):
    threads = [threading.Thread(target=one) for _ in range(40)]
    [each.start() for each in threads]
    [each.join() for each in threads]
print(len(found), found.count(b"403"))
"""


async def test_what_is_allowed_is_reached_and_nothing_else(lab: Lab, index: int) -> None:
    session, access = await opened(lab, index)
    found = await lab.run(REACHING.format(port=index), session=session)
    numbers = found.stdout.split()
    assert numbers[:4] == ["3000000", "403", "403", "403"], found.stdout + found.stderr
    assert "reached" not in numbers
    log = access.log
    while len(log.requests) < 4:  # each is noted when it has ended at both ends, which may be after the next one
        await asyncio.sleep(0.02)
    assert {each.host: (each.decision, each.reason) for each in log.requests} == {
        "index.test": ("allowed", ""),
        "inside.test": ("refused", "private_address"),
        "127.0.0.2": ("refused", "not_allowed"),
        "other.test": ("refused", "not_allowed"),
    }
    assert max(each.received for each in log.requests) > 3_000_000
    other = await lab.run("import socket; socket.create_connection(('127.0.0.1', 3128), timeout=3)")
    assert "ConnectionRefusedError" in other.stderr  # a session that asked for no network has none
    await session.close()


async def test_packages_are_installed_and_live_on_with_the_session(lab: Lab, index: int) -> None:
    session, access = await opened(lab, index)
    installed = await lab.run("pip install -q tinything 2>&1; tiny", "shell", session=session, timeout_s=60)
    assert installed.stdout.endswith("hello from tinything\n"), installed.stdout + installed.stderr
    assert installed.end.artifacts == ()  # nobody wants to see them in a chat
    assert (await lab.run("import tinything; tinything.hello()", session=session)).stdout == "hello from tinything\n"
    again = await lab.run("!pip install tinything", session=session, timeout_s=60)
    assert "already satisfied" in again.stdout
    assert {(each.host, each.decision) for each in access.log.requests} == {("index.test", "allowed")}
    other = await lab.run("import tinything")
    assert "ModuleNotFoundError" in other.stderr
    await session.close()


async def test_a_thousand_connections_and_one_that_nobody_reads_harm_nobody(lab: Lab, index: int) -> None:
    session, access = await opened(lab, index)
    stuck = (
        "import socket\nplain = socket.create_connection(('127.0.0.1', 3128))\n"
        f"plain.sendall(b'GET http://index.test:{index}/big HTTP/1.1\\r\\nHost: index.test:{index}\\r\\n\\r\\n')\n"
        "plain.recv(1)"
    )
    assert (await lab.run(stuck, session=session)).result == "b'H'"
    found = await lab.run(MANY, session=session, timeout_s=60)
    assert found.stdout == "1000 1000\n", found.stdout + found.stderr
    assert (access.log.total, access.log.refused) == (1001, 1000)
    more = "for _ in range(600): one()\nprint(found[-1])"
    limited = await lab.run(more, session=session, timeout_s=2)  # the rest is answered slowly
    assert limited.end.reason == "timeout"
    assert (await lab.run("1 + 1", session=session)).result == "2"
    await session.close()
    assert access.log.requests[-1].reason in ("not_allowed", "")
