"""Which process does a run, and whether it still lives.

Not here: what a run's events say of it (workers.py), what follows when it does not live (reaper.py, launcher.py).
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PID_TAG: Final = "property_video/pid"
STARTED_TAG: Final = "property_video/pid_started"
HOST_TAG: Final = "property_video/host"
SIGNED_TAG: Final = "property_video/signed"
"""The id of the run that the other three belong to: a re-execution inherits its parent's tags."""


@dataclass(frozen=True)
class Worker:
    """A process that does a run: its number, when it started (`start_of`; "" for unknown) and its machine's name."""

    pid: int
    started: str
    host: str


def signature(run_id: str) -> dict[str, str]:
    """Tags with which a run says that this process does it."""
    pid = os.getpid()
    return {SIGNED_TAG: run_id, PID_TAG: str(pid), STARTED_TAG: start_of(pid), HOST_TAG: socket.gethostname()}


def signer(run_id: str, tags: Mapping[str, str]) -> Worker | None:
    """The process that signed a run; None when none did."""
    if tags.get(SIGNED_TAG) != run_id:
        return None
    return Worker(int(tags[PID_TAG]), tags[STARTED_TAG], tags.get(HOST_TAG, socket.gethostname()))


def start_of(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty when there is no such process.

    Fields 3 and 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold spaces, so count from its closing
    bracket. A process that ended and waits for its parent to notice (state Z), for ever where nobody does, as in a
    container without an init, is gone.
    Where there is no /proc, "alive" stands for every living process: a reused pid then passes for its predecessor.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        pass
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"


def is_alive(pid: int, started: str = "") -> bool:
    """Whether a process lives; with `started`, whether it is that very one and not a later one of the same number."""
    now = start_of(pid)
    return bool(now) and (not started or now == started)


def age_of(pid: int) -> float | None:
    """Seconds since a process started, by the clock that counts from boot; None where that cannot be told."""
    started = start_of(pid)
    if not started.isdigit():
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")
