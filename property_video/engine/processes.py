"""Which process does a run, and whether it still lives.

Not here: what follows when it does not (reaper.py).
"""

import os
from pathlib import Path
from typing import Final

PID_TAG: Final = "property_video/pid"
STARTED_TAG: Final = "property_video/pid_started"


def start_of(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty when there is no such process.

    Field 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold spaces, so count from its closing bracket.
    Where there is no /proc, "alive" stands for every living process: a reused pid then passes for its predecessor.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
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
