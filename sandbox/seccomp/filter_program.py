"""The policy as a program of the kernel's filter machine (classic BPF), for jails without an engine."""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterable

from sandbox.seccomp.numbers import AARCH64, NUMBERS, X86_64
from sandbox.seccomp.policy import ALLOWED, ENOSYS, EPERM, NAMESPACE_FLAGS, PERSONALITIES, SOCKET_FAMILIES

_LOAD, _JUMP_EQUAL, _JUMP_ABOVE_EQUAL, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_FIRST_X32 = 0x40000000

MACHINES = {"x86_64": (X86_64, 0), "aarch64": (AARCH64, 1), "arm64": (AARCH64, 1)}


def filter_program(machine: str = platform.machine()) -> bytes:
    """The program for this kind of machine; empty for one whose numbers are not known (see `MACHINES`)."""
    if machine not in MACHINES:
        return b""
    arch, column = MACHINES[machine]
    numbers = {name: pair[column] for name, pair in NUMBERS.items()}
    parts = [
        _step(_LOAD, _ARCH_AT), _step(_JUMP_EQUAL, arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER_AT),
        _step(_JUMP_ABOVE_EQUAL, _FIRST_X32, 0, 1), _refuse(EPERM),
    ]  # fmt: skip
    for first, last in _ranges(number for name in ALLOWED if (number := numbers[name]) is not None):
        parts += [_step(_JUMP_ABOVE_EQUAL, first, 0, 2), _step(_JUMP_ABOVE_EQUAL, last + 1, 1, 0), _allow()]
    for name, values in (("socket", SOCKET_FAMILIES), ("personality", PERSONALITIES)):
        tests = [step for value in values for step in (_step(_JUMP_EQUAL, value, 0, 1), _allow())]
        parts += _only(numbers[name], [_step(_LOAD, _FIRST_ARGUMENT_AT), *tests, _refuse(EPERM)])
    spaces = [_step(_LOAD, _FIRST_ARGUMENT_AT), _step(_JUMP_ANY, NAMESPACE_FLAGS, 1, 0), _allow(), _refuse(EPERM)]
    parts += _only(numbers["clone"], spaces)
    parts += _only(numbers["clone3"], [_refuse(ENOSYS)])
    parts.append(_refuse(EPERM))
    return b"".join(parts)


def _only(number: int | None, steps: list[bytes]) -> list[bytes]:
    return [] if number is None else [_step(_JUMP_EQUAL, number, 0, len(steps)), *steps]


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _allow() -> bytes:
    return _step(_RETURN, _ALLOW)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, 0x00050000 | error)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
