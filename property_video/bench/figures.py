"""From rounds to figures: ratios round by round, their median and range, and whether a goal is met.

Not here: measuring (contest.py), showing (report.py).
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Final, Literal

from property_video.bench.contest import Measured, Memory, Round
from property_video.bench.measure import Usage
from property_video.core.records import Record

Unit = Literal["x", "1/x", "%", "s", "MB"]

RENDERING_GOAL: Final = 1.6
RENDERING_GOAL_LATER: Final = 1.15
MAKE_GOAL: Final = 2.4
MAKE_MOVIEPY_GOAL: Final = 1 / 4
RENDERING_MOVIEPY_GOAL: Final = 1 / 7
JOIN_GOAL_S: Final = 1.0
MEMORY_GOAL_MB: Final = 400.0
DAGSTER_GOAL: Final = 0.15


class Figure(Record):
    """One result: the median of the rounds, the least and the most of them, and the most it should be.

    A share is a fraction of 1, whatever its unit shows.
    """

    name: str
    unit: Unit
    value: float
    least: float
    most: float
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        return None if self.goal is None else self.value <= self.goal


class Cost(Record):
    """What one contestant took: medians of CPU and wall seconds, the most memory of one process."""

    name: str
    cpu_s: float
    wall_s: float
    peak_mb: float


def figures(measured: Measured) -> list[Figure]:
    """All results, in the order they are shown.

    The film of a quick benchmark is too short for goals: what every film costs alike outweighs its frames.
    """
    rounds = measured.rounds

    def over(name: str, unit: Unit, goal: float | None, value: Callable[[Round], float], note: str = "") -> Figure:
        return summary(name, unit, None if measured.quick else goal, [value(each) for each in rounds], note)

    scaled = f"MoviePy: one scene a round, times frames; film of {measured.frames}"
    return [
        over(
            "rendering / x264 alone",
            "x",
            RENDERING_GOAL,
            lambda r: rendering_cpu(r) / x264_cpu(r),
            f"later {RENDERING_GOAL_LATER}x; starting and imports apart, on both sides; reading apart for x264",
        ),
        over(
            "make from a cold start / x264 alone",
            "x",
            MAKE_GOAL,
            lambda r: r.make.cpu_s / x264_cpu(r),
            "everything counts: imports, photos, music, Dagster, verification",
        ),
        over(
            "make from a cold start / MoviePy",
            "1/x",
            MAKE_MOVIEPY_GOAL,
            lambda r: r.make.cpu_s / moviepy_cpu(r, measured.frames),
            scaled,
        ),
        over(
            "rendering / MoviePy",
            "1/x",
            RENDERING_MOVIEPY_GOAL,
            lambda r: rendering_cpu(r) / moviepy_cpu(r, measured.frames),
            scaled,
        ),
        over("joining, CPU", "s", JOIN_GOAL_S, lambda r: r.join.work_cpu_s, "stream copy, with the track's AAC"),
        *memory_figures(measured.memory),
        over(
            "Dagster's overhead, share of the film",
            "%",
            DAGSTER_GOAL,
            dagster_share,
            "make against plain function calls, imports apart on both sides; with records and pictures for the UI",
        ),
        over(
            "Dagster's overhead when everything is found",
            "%",
            DAGSTER_GOAL,
            dagster_share_found,
            "the same share of a film from a cold start, without rendering's noise and without a new home's databases",
        ),
        over("make, everything found: CPU", "s", None, lambda r: r.make_found.cpu_s),
        over("make, everything found: wall", "s", None, lambda r: r.make_found.wall_s),
    ]


def memory_figures(memory: Memory) -> list[Figure]:
    """The most memory of each process that was watched: of its whole tree, or of one process where that is more."""
    names = {
        "memory, make of the sample": memory.make,
        "memory, make with a 100-megapixel JPEG": memory.make_baseline,
        "memory, make with a progressive one": memory.make_progressive,
        "memory, composing 180 s": memory.long_track,
    }
    return [
        summary(
            name,
            "MB",
            MEMORY_GOAL_MB,
            [max(usage.peak_mb, usage.tree_mb or 0.0)],
            f"process tree {usage.tree_mb or 0:.0f} (PSS at 20 Hz), largest process {usage.peak_mb:.0f} (max. RSS)",
        )
        for name, usage in names.items()
    ]


def costs(measured: Measured) -> list[Cost]:
    """What the contestants took, for those who want to see what the ratios are made of."""
    rounds = measured.rounds
    painting = median([sum(scene.painting_cpu_s for scene in each.scenes) for each in rounds])
    return [
        # Its resident set would count the file of frames.
        _cost("x264 alone, with reading", [[s.x264 for s in each.scenes] for each in rounds]).model_copy(
            update={"peak_mb": 0.0}
        ),
        _cost("rendering: clips and joining", [[*(s.clip for s in each.scenes), each.join] for each in rounds]),
        Cost(name="of it, painting without encoding", cpu_s=painting, wall_s=painting, peak_mb=0.0),
        _cost("make from a cold start", [[each.make] for each in rounds]),
        _cost("of it, importing", [[each.make_imports] for each in rounds]),
        _cost("plain function calls", [[each.plain] for each in rounds]),
        _cost("make, everything found", [[each.make_found] for each in rounds]),
        _cost("plain function calls, everything found", [[each.plain_found] for each in rounds]),
        _cost("MoviePy, one scene", [[each.moviepy.usage] for each in rounds]),
    ]


def summary(name: str, unit: Unit, goal: float | None, values: Sequence[float], note: str = "") -> Figure:
    """The figure of some rounds' values."""
    return Figure(name=name, unit=unit, value=median(values), least=min(values), most=max(values), goal=goal, note=note)


def x264_cpu(each: Round) -> float:
    """CPU seconds of encoding the film's frames and nothing else."""
    return _work(scene.x264 for scene in each.scenes) - sum(scene.reading_cpu_s for scene in each.scenes)


def rendering_cpu(each: Round) -> float:
    """CPU seconds from working copies to the joined film."""
    return _work([*(scene.clip for scene in each.scenes), each.join])


def moviepy_cpu(each: Round, frames: int) -> float:
    """CPU seconds of MoviePy for a film of `frames`, from the scene that it made."""
    return each.moviepy.usage.work_cpu_s * frames / each.moviepy.frames


def dagster_share(each: Round) -> float:
    """What `make` takes above plain function calls, imports apart, as a share of the latter."""
    with_dagster = each.make.cpu_s - each.make_imports.cpu_s
    return with_dagster / each.plain.work_cpu_s - 1.0


def dagster_share_found(each: Round) -> float:
    """What `make` takes above plain function calls when both find everything, as a share of making the film."""
    with_dagster = each.make_found.cpu_s - each.make_imports.cpu_s
    return (with_dagster - each.plain_found.work_cpu_s) / each.plain.work_cpu_s


def _work(usages: Iterable[Usage]) -> float:
    return sum(usage.work_cpu_s for usage in usages)


def _cost(name: str, rounds: Sequence[Sequence[Usage]]) -> Cost:
    return Cost(
        name=name,
        cpu_s=median([_work(usages) for usages in rounds]),
        wall_s=median([sum(usage.wall_s for usage in usages) for usages in rounds]),
        peak_mb=max(usage.peak_mb for usages in rounds for usage in usages),
    )
