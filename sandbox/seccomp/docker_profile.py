"""The policy as an engine takes it."""

from __future__ import annotations

import json
from typing import Any

from sandbox.seccomp.policy import ALLOWED, ENOSYS, EPERM, NAMESPACE_FLAGS, PERSONALITIES, SOCKET_FAMILIES


def docker_profile() -> str:
    """The profile as JSON, for `--security-opt seccomp=…`."""
    allow = "SCMP_ACT_ALLOW"
    rules: list[dict[str, Any]] = [{"names": list(ALLOWED), "action": allow}]
    rules += [{"names": ["socket"], "action": allow, "args": [_equal(each)]} for each in SOCKET_FAMILIES]
    rules += [{"names": ["personality"], "action": allow, "args": [_equal(each)]} for each in PERSONALITIES]
    masked = {"index": 0, "value": NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": allow, "args": [masked]})
    # Its flags lie in memory that a filter cannot read; without it the C library uses clone.
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS})
    architectures = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
    native: list[dict[str, Any]] = [{"architecture": each, "subArchitectures": []} for each in architectures]
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": native,
        "syscalls": rules,
    }
    return json.dumps(profile)


def _equal(value: int) -> dict[str, Any]:
    return {"index": 0, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}
