"""The network of one session: what it was granted, what clients inside have to know, and what became of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox.network.hosts import HostRule
from sandbox.network.limits import DEFAULT_LIMITS, NetworkLimits
from sandbox.network.log import NetworkLog
from sandbox.network.policy import Addresses, NetworkPolicy
from sandbox.network.proxy import Connect, FilteringProxy, Resolve
from sandbox.network.streams import CHUNK, SocketStream, Stream

RELAY_PORT = 3128
PACKAGES = "/work/.packages"
CERTIFICATES = "/tmp/.certificates.pem"
WINDOW = 4 * CHUNK
"""Bytes of one connection and direction that may be under way."""
_RESOLVERS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkAccess:
    """What a session is opened with when it has a network."""

    rules: tuple[HostRule, ...]
    limits: NetworkLimits
    environment: Mapping[str, str]
    certificates: str
    proxy: FilteringProxy
    log: NetworkLog


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionNetworks:
    """Gives sessions their network, within the administrator's policy."""

    policy: NetworkPolicy
    addresses: Addresses
    limits: NetworkLimits = DEFAULT_LIMITS
    resolve: Resolve | None = None
    connect: Connect | None = None

    def access(self, session_id: str, rules: tuple[HostRule, ...]) -> NetworkAccess:
        """The access of a new session to these hosts, which `NetworkPolicy.granted` gave."""
        log = NetworkLog(session_id=session_id)
        proxy = FilteringProxy(
            rules=rules,
            limits=self.limits,
            addresses=self.addresses,
            resolve=self.resolve or Resolver(),
            connect=self.connect or connect,
            log=log,
        )
        return NetworkAccess(
            rules=rules,
            limits=self.limits,
            environment=client_environment(self.policy, rules),
            certificates=self.policy.certificates,
            proxy=proxy,
            log=log,
        )


def client_environment(policy: NetworkPolicy, rules: Sequence[HostRule]) -> dict[str, str]:
    """The variables by which usual clients find the proxy, and package managers their index and folder."""
    proxy = f"http://127.0.0.1:{RELAY_PORT}"
    direct = ",".join(each for each in ("localhost", "127.0.0.1") if all(each != rule.name for rule in rules))
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    found = dict.fromkeys(names, proxy) | dict.fromkeys(("no_proxy", "NO_PROXY"), direct)
    found["NODE_USE_ENV_PROXY"] = "1"
    if policy.certificates:
        readers = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        found |= dict.fromkeys(readers, CERTIFICATES)
    packages = policy.packages
    if packages is not None and set(packages.rules) <= set(rules):
        found |= {
            "PIP_INDEX_URL": packages.python_index, "PIP_USER": "1", "PIP_BREAK_SYSTEM_PACKAGES": "1",
            "PIP_NO_CACHE_DIR": "1", "PIP_COMPILE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1", "PIP_RETRIES": "1", "PIP_ROOT_USER_ACTION": "ignore", "PYTHONUSERBASE": PACKAGES,
        }  # fmt: skip
        if packages.python_index.startswith("http:"):
            found["PIP_TRUSTED_HOST"] = packages.python_index.split("/")[2]
        if packages.npm_registry:
            found |= {"npm_config_registry": packages.npm_registry, "npm_config_cache": "/tmp/npm",
                      "npm_config_update_notifier": "false", "npm_config_audit": "false"}  # fmt: skip
    return found


class Resolver:
    """Names by the system's resolver, a few at a time: one that hangs holds up nobody but this session."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="sandbox-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host in the system's order. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _resolve, host, port)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolve(host: str, port: int) -> list[Any]:
    try:  # with the dot at its end a name is whole, and no search domain is tried; a file of hosts knows none
        return list(socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM))
    except socket.gaierror:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def connect(address: str, port: int) -> Stream:
    """A connection to an address, not to a name. Raises OSError."""
    reader, writer = await asyncio.open_connection(address, port, limit=2 * CHUNK)
    return SocketStream(reader, writer)
