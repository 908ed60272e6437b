"""What must stay true of docker-compose.yml: no password with a default or to be typed, limits, one trusted service."""

from __future__ import annotations

import os
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_the_engine_of_the_sandbox_is_named_by_whoever_starts_it_and_never_the_machines_own() -> None:
    text = (ROOT / "docker-compose.sandbox.yml").read_text(encoding="utf-8")
    override: dict[str, Any] = yaml.safe_load(text)["services"]
    assert set(override) == {"api", "worker"} < set(SERVICES)
    for service in override.values():
        assert service["volumes"] == ["${SANDBOX_SOCKET:?the socket of a rootless engine}:/run/sandbox/docker.sock"]
        assert service["environment"]["CHATBOT_SANDBOX__DOCKER_HOST"] == "unix:///run/sandbox/docker.sock"
        assert "privileged" not in service
    assert "/var/run/docker.sock" not in text + TEXT


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_limit_of_memory(name: str) -> None:
    assert SERVICES[name]["mem_limit"]


def test_passwords_stand_in_files_and_reach_no_other_environment_than_that_of_who_makes_them() -> None:
    assert ":?" not in TEXT, "nothing has to be typed before the first start"
    for name, service in SERVICES.items():
        given = service.get("environment", {})
        named = {key for key, value in given.items() if "PASSWORD}" in str(value) or "PASSWORD:-}" in str(value)}
        assert named == ({"POSTGRES_PASSWORD", "NEO4J_PASSWORD"} if name == "secrets" else set())
        assert "NEO4J_AUTH" not in given


def test_whoever_reads_secrets_waits_for_them() -> None:
    for name, service in SERVICES.items():
        if name != "secrets" and "secrets:/secrets:ro" in service.get("volumes", ()):
            assert waited_for(name) >= {"secrets"}, name


def waited_for(name: str) -> set[str]:
    direct = set(SERVICES[name].get("depends_on", {}))
    return direct.union(*(waited_for(each) for each in direct))


def test_the_interface_is_a_trusted_proxy_and_nothing_else_of_its_network_is() -> None:
    network = ip_network(COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"])
    address = SERVICES["ui"]["networks"]["default"]["ipv4_address"]
    assert ip_address(address) in network
    trusted = SERVICES["api"]["environment"]["CHATBOT_API__TRUSTED_PROXIES"].partition("$")[0].split(",")
    assert trusted == ["127.0.0.1", address]


def test_what_makes_the_secrets_keeps_what_is_there(tmp_path: Path) -> None:
    script = SERVICES["secrets"]["command"][0].replace("$$", "$").replace("/secrets", str(tmp_path))
    script = "chown() { :; }\n" + script
    given = {"PATH": os.environ["PATH"], "CHATBOT_TOKEN": "", "POSTGRES_PASSWORD": "from-before", "NEO4J_PASSWORD": ""}

    def made() -> dict[str, str]:
        subprocess.run(["sh", "-euc", script], env=given, check=True)
        return {path.name: path.read_text() for path in tmp_path.iterdir()}

    first = made()
    assert len(first["token"]) == len(first["neo4j"]) == 48
    assert first["token"] != first["neo4j"]
    assert first["postgres"] == "from-before"
    assert first["pgpass"] == "postgres:5432:*:chatbot:from-before\n"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    assert made() == first
