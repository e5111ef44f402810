"""Running one process and seeing what it used: CPU seconds, wall seconds, memory.

Not here: which processes (contest.py), what the numbers mean (figures.py).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Any, Final

from property_video.core.errors import PropertyVideoError
from property_video.core.records import Record

SAMPLE_S: Final = 0.05
"""Seconds between two looks at memory. A look costs the watched process nothing but a short wait in page faults."""

LAUNCHER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py")))
"""What starts a command, so that it does not inherit this process's peak memory; see there."""

STARTUP: Final = "startup_cpu_s"
"""What a workload calls the CPU seconds it had used when its work began."""


class Usage(Record):
    """What one process used, with every process that it started and waited for.

    Attributes:
        cpu_s: user and system seconds of all of them.
        wall_s: seconds from start to end.
        peak_mb: largest resident set of any single one of them (ru_maxrss, exact), in 10^6 bytes; never less than the
            launcher's 10.
        tree_mb: largest proportional set (PSS: shared pages divided among their users) of all of them together,
            sampled every `SAMPLE_S`; None when nobody looked.
        startup_cpu_s: CPU seconds of starting the interpreter and importing; 0 when the process did not tell.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    tree_mb: float | None = None
    startup_cpu_s: float = 0.0

    @property
    def work_cpu_s(self) -> float:
        """CPU seconds without starting and importing."""
        return self.cpu_s - self.startup_cpu_s


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, watched: bool = False
) -> tuple[Usage, dict[str, Any]]:
    """Run a command to its end.

    Args:
        command: the program and its arguments; on stdout it prints nothing, or one JSON object.
        folder: where it runs.
        environment: what it sees.
        watched: whether the memory of the whole process tree is sampled.

    Returns:
        What it used, and the object it printed.

    Raises:
        PropertyVideoError: it failed; the message ends with its last line on stderr.
    """
    with TemporaryFile() as out, TemporaryFile() as err, NamedTemporaryFile() as report:
        begun = time.perf_counter()
        launcher = subprocess.Popen(  # noqa: S603 - our own words
            [*LAUNCHER, report.name, *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        try:
            tree = _watch(launcher) if watched else None
            launcher.wait()
        except BaseException:
            launcher.terminate()
            launcher.wait()
            raise
        wall = time.perf_counter() - begun
        code, user_s, system_s, peak_kib = _text(report).split() or [str(launcher.returncode), "0", "0", "0"]
        if int(code):
            last_words = (_text(err).strip().splitlines() or ["it says nothing"])[-1]
            raise PropertyVideoError(f"{' '.join(command[1:4])} ended with code {code}: {last_words}")
        said = json.loads(_text(out) or "{}")
    usage = Usage(
        cpu_s=float(user_s) + float(system_s),
        wall_s=wall,
        peak_mb=int(peak_kib) * 1024 / 1e6,
        tree_mb=tree,
        startup_cpu_s=said.pop(STARTUP, 0.0),
    )
    return usage, said


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _watch(launcher: subprocess.Popen[bytes]) -> float:
    """Wait until a launcher ends; the most memory that its descendants had together, in 10^6 bytes.

    Of each its proportional set counts; those that just ended count nothing.
    """
    most = 0.0
    while launcher.poll() is None:
        most = max(most, sum(_proportional_set(each) for each in _family(launcher.pid) if each != launcher.pid))
        time.sleep(SAMPLE_S)
    return most


def _family(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:  # the thread has ended
            continue
        for child in children:
            yield from _family(int(child))


def _proportional_set(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has ended
        return 0.0
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:"))
