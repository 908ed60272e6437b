"""The child processes that parse: how they are started, asked, weighed and ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import knowledge

_GENTLE = 19


class Child(Protocol):
    """Somebody who reads file after file. Not for several threads at once, but for `kill`, `yield_to_others`,
    `resident_bytes` and `processor_seconds`."""

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Its answer, however long that takes; None when it has died or was killed."""
        ...

    def resident_bytes(self) -> int:
        """The memory it takes now; 0 where that cannot be known."""
        ...

    def processor_seconds(self) -> float | None:
        """The processor time it has had so far; None where that cannot be known."""
        ...

    def yield_to_others(self) -> None:
        """From now on it gets only the processor time that nobody else wants."""
        ...

    def kill(self) -> None: ...

    def close(self) -> int:
        """End it, and wait until it has ended: its return code, that of its own end where it had ended before."""
        ...


class ChildProcess:
    """A Child that is a plain interpreter running `knowledge.parsing.worker`."""

    def __init__(self) -> None:
        environment = dict(os.environ)
        # The package may be importable only because of where the parent was started.
        root = str(Path(knowledge.__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "knowledge.parsing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Its answer, however long that takes; None when it has died or was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def resident_bytes(self) -> int:
        """The memory it takes now; 0 where that cannot be known."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):  # not Linux, or it has just ended
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self) -> float | None:
        """The processor time it has had so far; None where that cannot be known."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):  # not Linux, or it has just ended
            return None

    def yield_to_others(self) -> None:
        """From now on it gets only the processor time that nobody else wants."""
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _GENTLE)

    def kill(self) -> None:
        """End it at once; whoever asks it gets no answer."""
        self._process.kill()

    def close(self) -> int:
        """End it, and wait until it has ended: its return code, that of its own end where it had ended before."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return code
