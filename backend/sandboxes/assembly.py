"""From the settings to the sandbox: which adapters are tried, in which order, and what they are given."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path

from backend.errors import SettingsInvalid
from backend.processes.registry import ProcessRegistry
from backend.sandboxes.records import end_of_the_dead, record_session
from backend.settings import Settings
from knowledge.sources.addresses import AddressPolicy
from knowledge.storage.database import Database
from sandbox.bubblewrap.adapter import BubblewrapConfig, BubblewrapSandbox
from sandbox.docker.adapter import DockerConfig, DockerSandbox
from sandbox.errors import NetworkRefused
from sandbox.images.recipe import image_name, in_order, recipe_id
from sandbox.network.access import SessionNetworks
from sandbox.network.hosts import HostRule
from sandbox.network.policy import NetworkPolicy, Packages, index_rule
from sandbox.ports import Sandbox
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Session

OFF = "The sandbox is switched off; CHATBOT_SANDBOX__ADAPTER says so."


def built_root(settings: Settings) -> Path:
    """Where `sandbox build` puts the file system of jails; made by this version's recipe, or not there."""
    folder = settings.data_dir.expanduser().absolute() / "sandbox" / "roots"
    return folder / recipe_id(in_order(settings.sandbox.languages))


def adapters_of(settings: Settings) -> list[Sandbox]:
    """Those that the settings allow, the preferred one first."""
    wanted = settings.sandbox
    adapters: list[Sandbox] = []
    if wanted.adapter in (None, "docker"):
        image = wanted.image or image_name(in_order(wanted.languages))
        adapters.append(
            DockerSandbox(
                DockerConfig(image=image, host=wanted.docker_host, runtime=wanted.runtime, limits=wanted.limits)
            )
        )
    if wanted.adapter in (None, "bubblewrap"):
        adapters.append(BubblewrapSandbox(bubblewrap_config(settings)))
    return adapters


def bubblewrap_config(settings: Settings) -> BubblewrapConfig:
    """The root of jails: the one of the settings, or the one that was built, or else this machine's programs."""
    built = built_root(settings)
    root = settings.sandbox.root or (built if built.is_dir() else None)
    return BubblewrapConfig(root=root, limits=settings.sandbox.limits)


def network_policy(settings: Settings) -> NetworkPolicy:
    """What the administrator lets sessions reach."""
    given = settings.sandbox.network
    packages = None
    if given.packages:
        urls = filter(None, (given.package_index, given.npm_registry))
        rules = (*map(index_rule, urls), *map(HostRule.parse, given.package_hosts))
        packages = Packages(python_index=given.package_index, npm_registry=given.npm_registry, rules=rules)
    return NetworkPolicy(
        rules=tuple(map(HostRule.parse, given.hosts)),
        packages=packages,
        certificates=_certificates(given.ca_file),
    )


def _certificates(file: Path | None) -> str:
    try:
        return file.read_text("ascii", "ignore") if file else ""
    except OSError as error:
        raise SettingsInvalid(f"CHATBOT_SANDBOX__NETWORK__CA_FILE cannot be read: {error}.") from error


def session_networks(settings: Settings) -> SessionNetworks:
    """The way out that sessions may be given. Private hosts are judged as crawls judge them."""
    given = settings.sandbox.network
    rules = map(HostRule.parse, given.private_hosts)
    private = tuple(f"*.{each.name}" if each.below else each.name for each in rules)
    policy = network_policy(settings)
    try:
        policy.granted(given.agent_hosts)
    except NetworkRefused as error:
        raise SettingsInvalid(f"CHATBOT_SANDBOX__NETWORK__AGENT_HOSTS asks for too much: {error}") from error
    return SessionNetworks(policy=policy, addresses=AddressPolicy.of(private, ()), limits=given.limits)


def installation_id(settings: Settings) -> str:
    """Tells what this installation left behind from what another on the same machine did."""
    return hashlib.sha256(settings.effective_database_url.encode()).hexdigest()[:12]


def build_sandbox(settings: Settings, database: Database, processes: ProcessRegistry) -> SessionService:
    """The sessions of this process."""

    async def living() -> Collection[str]:
        return await asyncio.to_thread(_living)

    def _living() -> Collection[str]:
        with database.write() as connection:
            found = processes.living(connection) | {processes.me.id}
            end_of_the_dead(connection, found)
        return found

    def _record(session: Session) -> None:
        with database.write() as connection:
            record_session(connection, session, processes.me.id)

    async def on_change(session: Session) -> None:
        await asyncio.to_thread(_record, session)

    off = settings.sandbox.adapter == "off"
    return SessionService(
        [] if off else adapters_of(settings),
        settings.sandbox.limits,
        owner=processes.me.id,
        installation=installation_id(settings),
        living=living,
        on_change=on_change,
        off=OFF if off else "",
        networks=session_networks(settings),
    )
