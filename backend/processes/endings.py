"""How processes ended that nobody had told to: the reason in words, and the last of them kept in the data folder."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEPT = 20
SIGKILL = 9
_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
_FOR_MEMORY = "Give the machine or the container more memory, or lower CHATBOT_PARSING__MEMORY_BYTES."


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """The end of a process: which, when, after how long, and why as far as the system tells."""

    name: str
    at: datetime
    lived_s: float
    code: int
    for_memory: bool = False

    @property
    def reason(self) -> str:
        """Such as "SIGKILL, for want of memory", or "exit code 3"."""
        return how_ended(self.code, for_memory=self.for_memory)

    @property
    def advice(self) -> str:
        """What to do so that it does not come to that again."""
        if self.for_memory:
            return _FOR_MEMORY
        if self.code == -SIGKILL:
            return "Somebody, or the system, has killed it; the system's own log tells which (dmesg, journalctl -k)."
        return "See what it printed before its end."


def how_ended(code: int, *, for_memory: bool = False) -> str:
    """What a return code says, the signal by its name."""
    if code >= 0:
        return f"exit code {code}"
    name = f"signal {-code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
    return f"{name}, for want of memory" if for_memory else name


def killed_for_memory() -> int:
    """How many processes the system has ended for want of memory so far, in this container or machine; 0 where it does
    not tell."""
    for path in _COUNTERS:
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def keep_ending(data_dir: Path, ending: Ending) -> None:
    """Write it down beside the last ones. A folder that cannot be written to keeps nothing."""
    rows = [_row(each) for each in (*endings_in(data_dir), ending)][-KEPT:]
    with contextlib.suppress(OSError):
        whole = _file(data_dir).with_suffix(".new")
        whole.write_text(json.dumps(rows), encoding="utf-8")
        whole.replace(_file(data_dir))


def endings_in(data_dir: Path) -> list[Ending]:
    """The last ends, oldest first; none when there was none, or what is kept cannot be read."""
    try:
        rows = json.loads(_file(data_dir).read_text(encoding="utf-8"))
        return [Ending(**{**row, "at": datetime.fromisoformat(row["at"]).astimezone(UTC)}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _row(ending: Ending) -> dict[str, object]:
    return {
        "name": ending.name,
        "at": ending.at.isoformat(),
        "lived_s": round(ending.lived_s, 1),
        "code": ending.code,
        "for_memory": ending.for_memory,
    }


def _file(data_dir: Path) -> Path:
    return data_dir / "endings.json"
