"""What the operator lets toolsets run: a list of programs, each with the words that must follow it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.errors import ToolsetInvalid
from agents.tools.yaml.definition import CommandTemplate

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OTHERS = """
    sh bash dash zsh ksh csh tcsh fish busybox env xargs find sudo su doas runuser chroot nohup timeout nice setsid
    python python3 perl ruby node php lua awk gawk mawk sed tclsh expect ssh scp rsync nc ncat socat curl wget ftp
    docker podman nsenter unshare make git vi vim nano less more man gdb strace watch parallel tee dd
"""
_RUN_OTHERS = frozenset(_OTHERS.split())
"""Programs that run others, whatever follows them; a word after them does not make them read only."""
_MAY_WITH_WORDS = frozenset(("git", "docker", "podman"))
SETTING = "CHATBOT_TOOLS__READ_COMMANDS"


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowedCommands:
    """`entries`: words of a command line, such as `df` or `systemctl status`. Nothing may be run without one."""

    entries: Sequence[str] = ()
    path: str = field(default=PATH)

    def reason_against(self, command: CommandTemplate) -> str:
        """Why a command cannot be run now; empty when it can."""
        if os.name != "posix":
            return "Commands run on Linux and macOS."
        if not self.entries:
            return f"Running programs is off: the operator lists those that may be run in {SETTING}."
        words = [command.program, *command.arguments]
        if not any(words[: len(entry)] == entry for entry in map(str.split, self.entries)):
            return f"The operator has not allowed `{' '.join(words[:3])}` ({SETTING})."
        if self.program(command) is None:
            return f"There is no program {command.program} on this machine."
        return ""

    def program(self, command: CommandTemplate) -> str | None:
        """The file of a program, found in the system's own folders alone."""
        return shutil.which(command.program, path=self.path)


def check_entry(entry: str) -> str:
    """An entry as it is kept. Raises ToolsetInvalid for one that would allow everything."""
    words = entry.split()
    if not words or "/" in words[0]:
        raise ToolsetInvalid(f"{entry[:60]!r} is no command: write a program's name and the words that must follow it.")
    runs_others = words[0] in _RUN_OTHERS or words[0].startswith(("python", "perl"))
    if runs_others and not (words[0] in _MAY_WITH_WORDS and len(words) > 1):
        raise ToolsetInvalid(f"{words[0]} runs other programs or changes files, so it cannot be allowed.")
    return " ".join(words)
