"""What a jail leaves to the agent: sizes of its folders, then no capability and fewer system calls for ever."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 24, 47, 38, 22
NOSUID, NODEV = 2, 4


def confine(config: dict[str, Any]) -> None:
    """What the jail leaves to the agent: sizes of its folders, then no capability and fewer system calls for ever."""
    jail = config.get("jail")
    if jail is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for folder, size, files, mode in jail["folders"]:
        options = f"size={size},nr_inodes={files},mode={mode}".encode()
        if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", NOSUID | NODEV | jail["flags"].get(folder, 0), options) != 0:
            os._exit(71)
    drop_capabilities(libc)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        os._exit(72)
    program = bytes.fromhex(jail["seccomp"])
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        filled = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        if libc.prctl(PR_SET_SECCOMP, 2, filled, 0, 0) != 0:  # SECCOMP_MODE_FILTER
            os._exit(73)


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Of the process and of whatever it becomes."""
    for number in range(64):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # fails for numbers the kernel does not know
    libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)  # PR_CAP_AMBIENT_CLEAR_ALL
    header = struct.pack("Ii", 0x20080522, 0)
    if libc.capset(header, bytes(24)) != 0:
        os._exit(74)
