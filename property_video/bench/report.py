"""Showing a benchmark: tables for people, JSON for machines, and what machine it was.

Not here: the arithmetic (figures.py).
"""

import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from property_video.bench.contest import Measured
from property_video.bench.figures import Cost, Figure, Share, Unit, costs, figures, shares
from property_video.files import written_whole

PACKAGES: Final = (
    "property-video",
    "av",
    "dagster",
    "duckdb",
    "imageio-ffmpeg",
    "moviepy",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


def figure_table(rows: Sequence[Figure], rounds: int) -> Table:
    """What was measured against what it should be."""
    table = Table(title=f"Figures: median of {rounds} round{'s' if rounds > 1 else ''}", title_justify="left")
    for column in ("figure", "value", "least to most", "goal", "ok?", "how"):
        table.add_column(column, overflow="fold")
    marks = {True: "[green]ok[/]", False: "[bold red]no[/]", None: ""}
    for row in rows:
        table.add_row(
            row.name,
            shown(row.value, row.unit),
            f"{shown(row.least, row.unit)} to {shown(row.most, row.unit)}" if row.least < row.most else "",
            shown(row.goal, row.unit) if row.goal is not None else "",
            marks[row.met],
            row.note,
        )
    return table


def cost_table(rows: Sequence[Cost]) -> Table:
    """What the contestants took."""
    table = Table(title="What took what", title_justify="left")
    for column in ("work", "CPU s", "wall s", "peak MB of one process", "motion error, px"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for row in rows:
        peak = f"{row.peak_mb:.0f}" if row.peak_mb else ""
        motion = f"{row.motion_px:.3f}" if row.motion_px is not None else ""
        table.add_row(row.name, f"{row.cpu_s:.2f}", f"{row.wall_s:.2f}", peak, motion)
    return table


def share_table(rows: Sequence[Share]) -> Table:
    """Where the time of `make` goes."""
    table = Table(title="Where the CPU seconds of make from a cold start go", title_justify="left")
    whole = sum(row.cpu_s for row in rows)
    for column in ("part", "CPU s", "share"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for row in rows:
        table.add_row(row.name, f"{row.cpu_s:.2f}", f"{row.cpu_s / whole:.1%}")
    return table


def shown(value: float, unit: Unit) -> str:
    """A value as people read it."""
    match unit:
        case "x":
            return f"{value:.2f}x"
        case "1/x":
            return f"1/{1 / value:.1f}".removesuffix(".0") if value > 0 else "0"
        case "%":
            return f"{value:.1%}"
        case "s":
            return f"{value:.2f} s"
        case "MB":
            return f"{value:.0f} MB"
        case "px":
            return f"{value:.3f} px"


def machine() -> dict[str, Any]:
    """The machine and what is installed, for comparing results; nothing that names it or a path on it."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {package: metadata.version(package) for package in PACKAGES},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def as_json(measured: Measured, on: dict[str, Any]) -> dict[str, Any]:
    """Machine, figures and every raw number."""
    return {
        "machine": on,
        "figures": [{**row.model_dump(), "met": row.met} for row in figures(measured)],
        "costs": [row.model_dump() for row in costs(measured)],
        "shares": [row.model_dump() for row in shares(measured)],
        "raw": measured.model_dump(),
    }


def write_json(measured: Measured, on: dict[str, Any], out: Path) -> None:
    """Write the JSON whole or not at all.

    Raises:
        StoreFull, StoreError: it cannot be written.
    """
    with written_whole(out) as partial:
        partial.write_text(json.dumps(as_json(measured, on), indent=1) + "\n", encoding="utf-8")
