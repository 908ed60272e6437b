"""Reads what is coded within answers, by name: a toolset says `decode: helm_release`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.errors import ToolsetInvalid
from agents.tools.platforms.etcd import read_keys
from agents.tools.platforms.helm import read_history, read_release, read_releases

DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "etcd_keys": read_keys,
    "helm_releases": read_releases,
    "helm_history": read_history,
    "helm_release": read_release,
}


def decoded(name: str, value: Any) -> Any:
    """The answer, read. Raises ToolsetInvalid for one that is not what it should be."""
    return DECODERS[name](value) if name else value


def check_decoder(name: str) -> None:
    """Raises ToolsetInvalid for a name that there is not."""
    if name and name not in DECODERS:
        raise ToolsetInvalid(f"decode is one of {', '.join(DECODERS)}.")
