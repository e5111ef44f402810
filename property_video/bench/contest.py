"""The rounds of a benchmark: what is measured, in which order.

Every round measures everything once, contestants side by side (x264 and the renderer scene by scene), so that a machine
that slows down slows all of them down; figures compare within a round.

Not here: what the processes do (workloads.py), the arithmetic (figures.py).
"""

import filecmp
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from property_video.bench.measure import Usage, run
from property_video.bench.workloads import FILMS, film_orders
from property_video.bench.zoompan import RECIPES, Recipe
from property_video.core.errors import BadInput, BadOutput
from property_video.core.orders import scene_orders_in_film
from property_video.core.records import Record

CAMPAIGN: Final = "benchmark"
ROUNDS: Final = 3
SPACE: Final = 2_000_000_000
"""Bytes of temporary space: the raw frames of one scene are 0.4 GB, a finished home 0.1 GB."""

QUICK_ROOMS: Final = {
    "DSC_0103.jpg": "living_room",
    "DSC_0104.jpg": "living_room",
    "DSC_0111.jpg": "bedroom",
    "DSC_0113.jpg": "bedroom",
}
"""Photos of the sample that make a film of two scenes."""

BIG: Final = "a_big_one.jpg"
"""A photo of 100 megapixels that stands before those of the sample."""

MAKE_IMPORTS: Final = (
    "property_video.cli",
    "property_video.engine.make",
    "property_video.definitions",
    "dagster._core.storage.sqlite_storage",
    "alembic.command",
    *FILMS,
)
"""What `make` imports, first or later, that takes time: all but these is its work. Dagster loads its storage late."""

FOREIGN: Final = ("PROPERTY_VIDEO_", "PYTHONDONTWRITEBYTECODE")
"""Beginnings of names that the measured processes do not see of the environment."""


class SceneRound(Record):
    """One scene, painted, encoded and rendered.

    `painting_cpu_s` is the camera's share, encoding and writing apart; `reading_cpu_s` is what x264 alone lost with
    reading painted frames.
    """

    scene: str
    frames: int
    painting_cpu_s: float
    reading_cpu_s: float
    x264: Usage
    clip: Usage


class Rival(Record):
    """One scene made with another tool."""

    scene: str
    frames: int
    usage: Usage


class Round(Record):
    """Everything measured once."""

    scenes: tuple[SceneRound, ...]
    join: Usage
    make: Usage
    plain: Usage
    make_found: Usage
    plain_found: Usage
    plain_parts: dict[str, float]
    make_imports: Usage
    moviepy: Rival
    zoompan: dict[Recipe, Rival]


class Memory(Record):
    """Processes that were watched for memory alone."""

    make: Usage
    make_baseline: Usage
    make_progressive: Usage
    long_track: Usage


class Motion(Record):
    """Root mean squares of the motion error in film pixels, by move."""

    ours: dict[str, float]
    zoompan: dict[Recipe, dict[str, float]]


class Measured(Record):
    """One benchmark's raw numbers."""

    quick: bool
    frames: int
    memory: Memory
    motion: Motion
    rounds: tuple[Round, ...]


def measure(*, rounds: int, quick: bool, photos: Path, tell: Callable[[str], None]) -> Measured:
    """Measure everything.

    Args:
        rounds: how often; memory is measured once.
        quick: whether a film of two short scenes is enough: plausible numbers, not the product's.
        photos: the sample listing.
        tell: told what is being measured.

    Raises:
        BadInput: the temporary folder has too little room.
        BadOutput: what x264 alone wrote is not what the renderer wrote.
        PropertyVideoError: a process failed.
    """
    with tempfile.TemporaryDirectory(prefix="property-video-bench-") as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < SPACE:
            raise BadInput(
                f"{folder.parent} has less than {SPACE / 1e9:.0f} GB free.", "Free some, or set TMPDIR to another disk."
            )
        return _Contest(folder, _listing(folder, photos, quick), tell).run(rounds, quick, photos)


def _listing(folder: Path, photos: Path, quick: bool) -> Path:
    return _two_scenes(folder / "listing", photos, QUICK_ROOMS) if quick else photos


def _two_scenes(listing: Path, photos: Path, rooms: Mapping[str, str]) -> Path:
    """A listing that makes two scenes of two seconds; photos that the sample does not have are yet to come."""
    listing.mkdir()
    for file in rooms:
        if (photos / file).is_file():
            shutil.copyfile(photos / file, listing / file)
    brief = {"scene_seconds": 2, "photos": {"rooms": dict(rooms)}}
    (listing / "campaign.yaml").write_text(json.dumps(brief), encoding="utf-8")
    return listing


@dataclass(frozen=True)
class _Contest:
    """The contestants' folder and how they are called."""

    folder: Path
    listing: Path
    tell: Callable[[str], None]

    def run(self, rounds: int, quick: bool, photos: Path) -> Measured:
        self.tell("memory: make")
        made = self._make("made", self.listing, watched=True)  # the other contestants work from what it leaves
        memory = Memory(
            make=made,
            make_baseline=self._big_photo(photos, progressive=False),
            make_progressive=self._big_photo(photos, progressive=True),
            long_track=self._long_track(),
        )
        motion = self._motion(30 if quick else 120)
        orders = scene_orders_in_film(film_orders(self.folder / "made" / "store", CAMPAIGN))
        frames = {order.scene: order.shot.frames for order in orders if order.shot}
        return Measured(
            quick=quick,
            frames=sum(frames.values()),
            memory=memory,
            motion=motion,
            rounds=tuple(self._round(frames, number, rounds) for number in range(rounds)),
        )

    def _round(self, frames: Mapping[str, int], number: int, rounds: int) -> Round:
        def tell(what: str) -> None:
            self.tell(f"round {number + 1} of {rounds}: {what}")

        scenes = []
        for scene in frames:
            tell(f"{scene}, painted, encoded, rendered")
            scenes.append(self._scene(scene, frames[scene]))
        tell("joining")
        join, _ = self._piece("join", clips=[f"{scene}.mp4" for scene in frames], out="joined.mp4")
        tell("the film from a cold start, by make and by plain function calls")
        by_turns = {"make": lambda: (self._make("cold", self.listing), {}), "plain": self._plain}
        cold = {name: by_turns[name]() for name in sorted(by_turns, reverse=bool(number % 2))}
        tell("the same with everything found, and imports")
        found = self._make("cold", self.listing)
        plain_found, _ = self._plain()
        imports, _ = self._run([sys.executable, "-c", f"import {', '.join(MAKE_IMPORTS)}"])
        shutil.rmtree(self.folder / "cold")
        shutil.rmtree(self.folder / "plain")
        # Every round takes another scene: the film's average is nearer than with the same one again.
        scene = list(frames)[(number * 3) % len(frames)]
        tell(f"MoviePy and ffmpeg's zoompan, {scene}")

        def rival(name: str, **arguments: Any) -> Rival:
            usage, _ = self._piece(name, out=f"{name}.mp4", **arguments)
            return Rival(scene=scene, frames=frames[scene], usage=usage)

        return Round(
            scenes=tuple(scenes),
            join=join,
            make=cold["make"][0],
            plain=cold["plain"][0],
            make_found=found,
            plain_found=plain_found,
            plain_parts=cold["plain"][1],
            make_imports=imports,
            moviepy=rival("moviepy", scenes=[scene]),
            zoompan={recipe: rival("zoompan", scene=scene, recipe=recipe) for recipe in RECIPES},
        )

    def _scene(self, scene: str, frames: int) -> SceneRound:
        raw = self.folder / "frames.yuv"
        _, painted = self._piece("paint", scene=scene, out=raw.name)
        x264, read = self._piece("x264", scene=scene, raw=raw.name, out="x264.mp4")
        raw.unlink()
        clip, _ = self._piece("clip", scene=scene, out=f"{scene}.mp4")
        if not filecmp.cmp(self.folder / "x264.mp4", self.folder / f"{scene}.mp4", shallow=False):
            raise BadOutput(f"{scene}: x264 alone and the renderer did not encode the same frames.")
        return SceneRound(scene=scene, frames=frames, x264=x264, clip=clip, **painted, **read)

    def _big_photo(self, photos: Path, *, progressive: bool) -> Usage:
        self.tell(f"memory: make with a {'progressive' if progressive else 'baseline'} JPEG of 100 megapixels")
        listing = _two_scenes(self.folder / "big", photos, {BIG: "living_room", **QUICK_ROOMS})
        source = str(photos / next(iter(QUICK_ROOMS)))
        self._work("big_photo", source=source, out=str(listing / BIG), progressive=progressive)
        usage = self._make("big_home", listing, watched=True)
        shutil.rmtree(listing)
        shutil.rmtree(self.folder / "big_home")
        return usage

    def _long_track(self) -> Usage:
        self.tell("memory: composing three minutes")
        usage, _ = self._piece("long_track", out="long.wav", watched=True)
        (self.folder / "long.wav").unlink()
        return usage

    def _make(self, home: str, listing: Path, *, watched: bool = False) -> Usage:
        """`property-video make` in a home of its own; a home that is not there yet makes it a cold start."""
        command = [sys.executable, "-m", "property_video.cli", "make", str(listing), "--campaign", CAMPAIGN, "--json"]
        usage, _ = self._run(command, home=home, watched=watched)
        return usage

    def _plain(self) -> tuple[Usage, dict[str, Any]]:
        return self._work("plain", store="plain", campaign=CAMPAIGN, photos=str(self.listing))

    def _motion(self, frames: int) -> Motion:
        self.tell("motion errors, ours and zoompan's")
        errors = {recipe: self._work("motion", recipe=recipe, frames=frames)[1] for recipe in (None, *RECIPES)}
        return Motion(ours=errors[None], zoompan={recipe: errors[recipe] for recipe in RECIPES})

    def _piece(self, name: str, *, watched: bool = False, **arguments: Any) -> tuple[Usage, dict[str, Any]]:
        """A workload that works from the store of the first film."""
        return self._work(name, watched=watched, store="made/store", campaign=CAMPAIGN, **arguments)

    def _work(self, name: str, *, watched: bool = False, **arguments: Any) -> tuple[Usage, dict[str, Any]]:
        return self._run(
            [sys.executable, "-m", "property_video.bench.workloads", name, json.dumps(arguments)], watched=watched
        )

    def _run(
        self, command: Sequence[str], *, home: str = "home", watched: bool = False
    ) -> tuple[Usage, dict[str, Any]]:
        """A process in the contestants' folder that sees nothing of this machine's own home and store.

        Byte code is kept, as an installation does, whatever this shell says: compiling all modules costs 4 s CPU.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"DAGSTER_HOME": str(self.folder / home), "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode")}
        return run(command, self.folder, {**inherited, **own}, watched=watched)
