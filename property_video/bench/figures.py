"""From rounds to figures: ratios round by round, their median and range, and whether a goal is met.

Not here: measuring (contest.py), showing (report.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final, Literal

from property_video.bench.contest import Measured, Memory, Rival, Round
from property_video.bench.measure import Usage
from property_video.bench.zoompan import RECIPES, Recipe
from property_video.core.records import Record

Unit = Literal["x", "1/x", "%", "s", "MB", "px"]

RENDERING_GOAL: Final = 1.3
RENDERING_GOAL_LATER: Final = 1.15
MAKE_GOAL: Final = 2.2
MAKE_MOVIEPY_GOAL: Final = 1 / 4
RENDERING_MOVIEPY_GOAL: Final = 1 / 9
ZOOMPAN_GOAL: Final = 1.0
MOTION_GOAL_PX: Final = 0.05
CORES_GOAL: Final = 1.25
JOIN_GOAL_S: Final = 1.0
MEMORY_GOAL_MB: Final = 400.0
DAGSTER_GOAL: Final = 0.15

MOTION_NOTE: Final = "root mean square against a texture known as a formula, push and truck, after x264"


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
    """What one contestant took: medians of CPU and wall seconds, the most memory of one process.

    `motion_px` is its motion error where that was measured, the root mean square of the worst move.
    """

    name: str
    cpu_s: float
    wall_s: float
    peak_mb: float
    motion_px: float | None = None


class Share(Record):
    """What one part of `make` from a cold start takes: median of CPU seconds."""

    name: str
    cpu_s: float


def figures(measured: Measured) -> list[Figure]:
    """All results, in the order they are shown.

    The film of a quick benchmark is too short for goals: what every film costs alike outweighs its frames.
    """
    rounds = measured.rounds

    def over(name: str, unit: Unit, goal: float | None, value: Callable[[Round], float], note: str = "") -> Figure:
        return summary(name, unit, None if measured.quick else goal, [value(each) for each in rounds], note)

    def against_zoompan(recipe: Recipe) -> Figure:
        errors = measured.motion.zoompan[recipe]
        return over(
            f"rendering / zoompan, {recipe}",
            "x",
            ZOOMPAN_GOAL,
            lambda r: rendering_cpu(r) / rival_cpu(r.zoompan[recipe], measured.frames),
            f"zoompan is {motion_px(errors):.2f} px off, ours {motion_px(measured.motion.ours):.3f}; no sound there",
        )

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
            lambda r: r.make.cpu_s / rival_cpu(r.moviepy, measured.frames),
            scaled,
        ),
        over(
            "rendering / MoviePy",
            "1/x",
            RENDERING_MOVIEPY_GOAL,
            lambda r: rendering_cpu(r) / rival_cpu(r.moviepy, measured.frames),
            scaled,
        ),
        *(against_zoompan(recipe) for recipe in RECIPES),
        summary("motion error of rendering", "px", MOTION_GOAL_PX, list(measured.motion.ours.values()), MOTION_NOTE),
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
        over(
            "wall time of make / CPU time over 2 cores",
            "x",
            CORES_GOAL,
            lambda r: r.make.wall_s / (r.make.cpu_s / 2),
            "on a machine that does nothing else",
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
    painting = median([painting_cpu(each) for each in rounds])
    return [
        # Its resident set would count the file of frames.
        _cost("x264 alone, with reading", [[s.x264 for s in each.scenes] for each in rounds]).model_copy(
            update={"peak_mb": 0.0}
        ),
        _cost(
            "rendering: clips and joining",
            [[*(s.clip for s in each.scenes), each.join] for each in rounds],
            measured.motion.ours,
        ),
        Cost(name="of it, painting without encoding", cpu_s=painting, wall_s=painting, peak_mb=0.0),
        _cost("make from a cold start", [[each.make] for each in rounds]),
        _cost("of it, importing", [[each.make_imports] for each in rounds]),
        _cost("plain function calls", [[each.plain] for each in rounds]),
        _cost("make, everything found", [[each.make_found] for each in rounds]),
        _cost("plain function calls, everything found", [[each.plain_found] for each in rounds]),
        _cost("MoviePy, one scene", [[each.moviepy.usage] for each in rounds]),
        *(
            _cost(f"zoompan, {recipe}, one scene", [[each.zoompan[recipe].usage] for each in rounds], errors)
            for recipe, errors in measured.motion.zoompan.items()
        ),
    ]


def shares(measured: Measured) -> list[Share]:
    """Where the CPU seconds of `make` from a cold start go; together they are all of them.

    The parts come from several processes of a round: what they differ by is noise of some tenths of a second.
    """

    def part(name: str, value: Callable[[Round], float]) -> Share:
        return Share(name=name, cpu_s=median([value(each) for each in measured.rounds]))

    return [
        part("x264", x264_cpu),
        part("painting: canvases and frames", painting_cpu),
        part("painting and x264 at once", lambda r: clips_cpu(r) - x264_cpu(r) - painting_cpu(r)),
        part("joining, with AAC", lambda r: r.join.work_cpu_s),
        part("verifying clips, stills", lambda r: r.plain_parts["scenes"] - clips_cpu(r)),
        part("verifying and recording the film", lambda r: r.plain_parts["film"] - r.join.work_cpu_s),
        part("reading photos", lambda r: r.plain_parts["photos"]),
        part("looking at photos, choosing", lambda r: r.plain_parts["looking"]),
        part("composing, mastering, verifying the track", lambda r: r.plain_parts["track"]),
        part("Dagster, and pictures for its UI", lambda r: r.make.cpu_s - r.make_imports.cpu_s - r.plain.work_cpu_s),
        part("starting and importing", lambda r: r.make_imports.cpu_s),
    ]


def summary(name: str, unit: Unit, goal: float | None, values: Sequence[float], note: str = "") -> Figure:
    """The figure of some rounds' values."""
    return Figure(name=name, unit=unit, value=median(values), least=min(values), most=max(values), goal=goal, note=note)


def x264_cpu(each: Round) -> float:
    """CPU seconds of encoding the film's frames and nothing else."""
    return _work(scene.x264 for scene in each.scenes) - sum(scene.reading_cpu_s for scene in each.scenes)


def painting_cpu(each: Round) -> float:
    """CPU seconds of painting the film's frames."""
    return sum(scene.painting_cpu_s for scene in each.scenes)


def clips_cpu(each: Round) -> float:
    """CPU seconds from working copies to clips."""
    return _work(scene.clip for scene in each.scenes)


def rendering_cpu(each: Round) -> float:
    """CPU seconds from working copies to the joined film."""
    return clips_cpu(each) + each.join.work_cpu_s


def rival_cpu(rival: Rival, frames: int) -> float:
    """CPU seconds of another tool for a film of `frames`, from the scene that it made."""
    return rival.usage.work_cpu_s * frames / rival.frames


def motion_px(errors: Mapping[str, float]) -> float:
    """The motion error of the worst move."""
    return max(errors.values())


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


def _cost(name: str, rounds: Sequence[Sequence[Usage]], motion: Mapping[str, float] | None = None) -> Cost:
    return Cost(
        name=name,
        cpu_s=median([_work(usages) for usages in rounds]),
        wall_s=median([sum(usage.wall_s for usage in usages) for usages in rounds]),
        peak_mb=max(usage.peak_mb for usages in rounds for usage in usages),
        motion_px=motion_px(motion) if motion else None,
    )
