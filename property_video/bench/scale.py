"""What many campaigns cost: ticks, backfills, waiting clips, transfers, queries, cold starts; one number a row.

Every number is taken in a process of its own, in CPU seconds or in memory, which other work on the machine does not
change much; wall times are not looked at.

Not here: the processes (waiting.py, transfer.py, engine/load.py), what films themselves cost (contest.py).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from property_video.bench.measure import Usage, run
from property_video.bench.waiting import WAIT_S
from property_video.core.records import Record
from property_video.files import written_whole

CAMPAIGNS: Final = (100, 1_000, 10_000)
CLIPS: Final = (7, 70, 700)
BACKFILLED: Final = 100
TRANSFERRED_MB: Final = 100

NO_CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
"""For the emulated S3, which takes any, so that nobody's own are sent there."""

TICK_GOAL_S: Final = 1.0
TRANSFER_GOAL_MB: Final = 60.0
"""Goals that the product states for itself; other rows have none."""


class Row(Record):
    """One number: what of, in which unit, and the most that it should be (None where there is no such goal)."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""


@dataclass(frozen=True)
class _Bench:
    """Where processes run, how much they are given, and who is told."""

    folder: Path
    quick: bool
    tell: Callable[[str], None]

    def process(self, name: str, module: str, *arguments: str) -> tuple[Usage, dict[str, Any]]:
        """One measured process in a folder of its own."""
        self.tell(name)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        places = {
            "DAGSTER_HOME": str(folder / "home"),
            "PROPERTY_VIDEO_STORE": str(folder / "store"),
            "PROPERTY_VIDEO_UPLOADS": str(folder / "uploads"),
            "PROPERTY_VIDEO_SETTLE_SECONDS": "0",
        }
        command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
        return run(command, folder, {**os.environ, **places, **NO_CREDENTIALS})

    def load(self, name: str, workload: str, **arguments: int) -> Mapping[str, float]:
        """One of the processes that need Dagster."""
        return self.process(name, "property_video.engine.load", workload, json.dumps(arguments))[1]

    def many(self, number: int) -> int:
        """A number of campaigns, or a hundredth of it when it is to be quick."""
        return max(number // 100, 1) if self.quick else number


def measure(*, quick: bool, tell: Callable[[str], None]) -> list[Row]:
    """Measure everything.

    Args:
        quick: a hundredth of the campaigns, a tenth of the clips: whether it works, not what it costs.
        tell: told what is being measured.

    Raises:
        PropertyVideoError: a process failed.
    """
    with tempfile.TemporaryDirectory(prefix="property-video-bench-") as folder:
        bench = _Bench(Path(folder), quick, tell)
        parts = (_ticks, _backfill, _waiting, _transfer, _queries, _cold_starts)
        return [row for part in parts for row in part(bench)]


def _ticks(bench: _Bench) -> Iterator[Row]:
    for number in map(bench.many, CAMPAIGNS):
        found = bench.load(f"a tick over {number:,} campaigns", "tick", many=number)
        yield Row(what=f"tick, {number:,} campaigns, none new", value=found["quiet_cpu_s"], unit="CPU s")
        yield Row(what=f"tick, {number:,} campaigns, 10 new", value=found["new_cpu_s"], unit="CPU s", goal=TICK_GOAL_S)


def _backfill(bench: _Bench) -> Iterator[Row]:
    number = bench.many(BACKFILLED)
    found = bench.load(f"a backfill of {number} campaigns", "backfill", many=number)
    yield Row(what=f"backfill of {number}: beginning it", value=found["launch_cpu_s"], unit="CPU s")
    yield Row(
        what=f"backfill of {number}: a run into the queue",
        value=found["per_run_cpu_s"],
        unit="CPU s",
        note="daemon and code server",
    )


def _waiting(bench: _Bench) -> Iterator[Row]:
    for number in CLIPS:
        clips = max(number // 10, 1) if bench.quick else number
        usage, found = bench.process(f"{clips} clips that are waited for", "property_video.bench.waiting", str(clips))
        note = f"{WAIT_S:.0f} s of a simulated clock, each asked for {found['asked'] / clips:.0f} times"
        yield Row(
            what=f"{clips} clips waiting: a clip", value=1000 * usage.work_cpu_s / clips, unit="CPU ms", note=note
        )
        yield Row(what=f"{clips} clips waiting: a clip", value=1000 * found["grown_mb"] / clips, unit="kB")


def _transfer(bench: _Bench) -> Iterator[Row]:
    if find_spec("moto") is None:
        bench.tell("S3 is left out: there is no emulator (make setup installs one)")
        return
    size = 10 if bench.quick else TRANSFERRED_MB
    for way in ("up", "down"):
        _, found = bench.process(f"{size} MB {way} to S3", "property_video.bench.transfer", way, str(size))
        yield Row(
            what=f"{size} MB {'into' if way == 'up' else 'from'} S3: memory on top",
            value=found["grown_mb"],
            unit="MB",
            goal=TRANSFER_GOAL_MB,
            note="emulated, on loopback",
        )


def _queries(bench: _Bench) -> Iterator[Row]:
    number = bench.many(CAMPAIGNS[-1])
    found = bench.load(f"the UI over {number:,} partitions", "ui", many=number)
    page = f"UI, {number:,} partitions"
    yield Row(what=f"{page}: the film's page, first", value=found["first_cpu_s"], unit="CPU s")
    yield Row(what=f"{page}: the film's page, again", value=found["again_cpu_s"], unit="CPU s")
    yield Row(what=f"{page}: 25 runs", value=found["runs_cpu_s"], unit="CPU s")


def _cold_starts(bench: _Bench) -> Iterator[Row]:
    server, worker = bench.load("a code server", "code_server"), bench.load("a run's process", "worker")
    yield Row(what="cold start of the code server", value=server["cpu_s"], unit="CPU s")
    yield Row(what="code server that waits", value=server["pss_mb"], unit="MB", note="proportional set")
    yield Row(what="cold start of a run's process", value=worker["cpu_s"], unit="CPU s", note="before its first step")
    yield Row(what="run's process before its first step", value=worker["peak_mb"], unit="MB", note="peak")
    yield Row(
        what="run's process, by waiting clip", value=worker["peak_mb"] / CLIPS[0], unit="MB", note="seven clips in each"
    )


def table(rows: list[Row]) -> Table:
    """The rows for people."""
    shown = Table(title="Scale", title_justify="left")
    for column in ("what", "value", "goal", "ok?", "note"):
        shown.add_column(column, justify="right" if column in ("value", "goal") else "left", overflow="fold")
    for row in rows:
        met = "" if row.goal is None else "[green]ok[/]" if row.value <= row.goal else "[bold red]no[/]"
        goal = "" if row.goal is None else f"{row.goal:g} {row.unit}"
        shown.add_row(row.what, f"{row.value:.3g} {row.unit}", goal, met, row.note)
    return shown


def write_json(rows: list[Row], on: Mapping[str, Any], out: Path) -> None:
    """Write machine and rows whole or not at all.

    Raises:
        StoreFull, StoreError: it cannot be written.
    """
    text = json.dumps({"machine": on, "rows": [row.model_dump() for row in rows]}, indent=1)
    with written_whole(out) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")
