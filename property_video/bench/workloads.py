"""What the measured processes do: each starts, imports, notes its CPU seconds, works once and ends.

`python -m property_video.bench.workloads NAME JSON` runs the workload NAME with keyword arguments and prints one JSON
object: the CPU seconds of starting, and what the workload tells.

Not here: measuring them (measure.py), the order they run in (contest.py).
"""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from itertools import cycle, islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.bench.idiomatic import write_film
from property_video.bench.measure import STARTUP
from property_video.bench.motion import MOVES, moving, video_error, write_texture
from property_video.bench.zoompan import Recipe, write_scene
from property_video.core.edits import Edits
from property_video.core.film import FILM, SAMPLE_RATE, FilmFormat
from property_video.core.orders import Orders, SceneOrder, plan
from property_video.core.outputs import Track
from property_video.core.pairing import choose_pairs
from property_video.core.score import Passage, compose
from property_video.core.wishes import resolve, storyboard_wanted
from property_video.intake.briefs import read_brief
from property_video.intake.photos import analyse, take_in
from property_video.media.canvas import one_thread
from property_video.media.encode import encode
from property_video.media.frames import Painter
from property_video.media.join import join
from property_video.media.loudness import measure_track
from property_video.media.render import render_clip
from property_video.media.resample import Planes
from property_video.media.synthesize import synthesize
from property_video.media.upload_files import list_upload
from property_video.orders.place import place
from property_video.orders.settle import settle_film, settle_scene, settle_track
from property_video.providers.embedded import Embedded
from property_video.reports.tables import record_film
from property_video.store import keys
from property_video.store.opening import open_store
from property_video.storyboards import load_moves, load_storyboard

PICTURES: Final = (
    "av",
    "cv2",
    "PIL.Image",
    *(f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Ppm", "Png")),
)
"""The last ones are what Pillow imports when it opens its first picture."""

FILMS: Final = (*PICTURES, "duckdb")

PARTS: Final = ("photos", "looking", "scenes", "track", "film")
"""Of a film made by plain function calls: reading photos; looking at them and choosing; rendering and verifying the
clips; composing and mastering; joining and verifying."""

LONG_TRACK_S: Final = 180
BIG_SIDES: Final = (12_000, 8_400)
"""Width and height of 100 megapixels."""


def main() -> None:
    """Be one measured process."""
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    work, libraries = WORKLOADS[name]
    for library in libraries:
        importlib.import_module(library)
    started = time.process_time()
    said = work(**arguments) or {}
    sys.stdout.write(json.dumps({STARTUP: started, **said}))


# -- one film in pieces ------------------------------------------------------------------------------------------------


def paint(store: str, campaign: str, scene: str, out: str) -> dict[str, float]:
    """Paint a scene's frames and write them raw; tells the CPU seconds of painting, writing apart."""
    order = _order(store, campaign, scene)
    assert order.shot is not None
    painter = Painter(*_photos(store, order), order.shot)
    frames = _raw_frames(Path(out), order.shot.film, order.shot.frames, "w+")
    film = order.shot.film
    planes = Planes(*(plane.copy() for plane in _planes(frames[0], film)))
    cpu = 0.0
    with one_thread():
        for number, frame in enumerate(frames):
            begun = time.thread_time()
            painter.paint(number, planes)
            cpu += time.thread_time() - begun
            for target, plane in zip(_planes(frame, film), planes, strict=True):
                np.copyto(target, plane)
    return {"painting_cpu_s": cpu}


def x264(store: str, campaign: str, scene: str, raw: str, out: str) -> dict[str, float]:
    """Encode a scene's frames, painted before, exactly as the product does; tells the CPU seconds of reading them."""
    order = _order(store, campaign, scene)
    assert order.shot is not None
    film = order.shot.film
    frames = _raw_frames(Path(raw), film, order.shot.frames, "r")
    reading = 0.0

    def read(number: int, into: Planes) -> None:
        nonlocal reading
        begun = time.thread_time()
        for target, plane in zip(into, _planes(frames[number], film), strict=True):
            np.copyto(target, plane)
        reading += time.thread_time() - begun

    encode(read, order.shot.frames, film, Path(out))
    return {"reading_cpu_s": reading}


def clip(store: str, campaign: str, scene: str, out: str) -> None:
    """Render a scene from its working copies."""
    order = _order(store, campaign, scene)
    assert order.shot is not None
    render_clip(*_photos(store, order), order.shot, Path(out))


def joined(store: str, campaign: str, clips: list[str], out: str) -> None:
    """Join clips and the campaign's track."""
    join([Path(each) for each in clips], _track(store, campaign), Path(out), FILM, {"title": "Benchmark"})


def moviepy(store: str, campaign: str, scenes: list[str], out: str) -> None:
    """Make scenes with MoviePy from the same photos."""
    orders = [_order(store, campaign, scene) for scene in scenes]
    shots = [(*_photos(store, order), order.shot) for order in orders if order.shot is not None]
    write_film(shots, _track(store, campaign), Path(out))


def zoompan(store: str, campaign: str, scene: str, recipe: Recipe, out: str) -> None:
    """Make a scene with ffmpeg's zoompan from the same photos."""
    order = _order(store, campaign, scene)
    assert order.shot is not None
    write_scene(*_photos(store, order), order.shot, recipe, Path(out))


def _raw_frames(file: Path, film: FilmFormat, frames: int, mode: str) -> npt.NDArray[np.uint8]:
    """Planar 4:2:0 frames of a file, (frames, height * 3/2, width): the Y rows, then U and V packed."""
    shape = (frames, film.height * 3 // 2, film.width)
    return np.memmap(file, np.uint8, mode, shape=shape)  # type: ignore[call-overload,no-any-return]


def _planes(frame: npt.NDArray[np.uint8], film: FilmFormat) -> Planes:
    """Views on the three planes of one raw frame."""
    chroma = frame[film.height :].reshape(2, film.height // 2, film.width // 2)
    return Planes(frame[: film.height], chroma[0], chroma[1])


def _order(store: str, campaign: str, scene: str) -> SceneOrder:
    return film_orders(Path(store), campaign).scene(scene)


def film_orders(store: Path, campaign: str) -> Orders:
    """The orders that a `make` left."""
    orders = open_store(store).read(keys.record("orders", campaign), Orders)
    assert orders is not None, "a film was made before"
    return orders


def _photos(store: str, order: SceneOrder) -> tuple[Path, Path | None]:
    """Working copies of a scene's first and last photo."""
    assert order.first is not None
    media = open_store(Path(store)).media_path
    return media(order.first.working), media(order.last.working) if order.last else None


def _track(store: str, campaign: str) -> Path:
    local = open_store(Path(store))
    track = local.read(keys.record("audio_track", campaign), Track)
    assert track is not None, "a film was made before"
    return local.media_path(track.media.key)


# -- one film as plain function calls ----------------------------------------------------------------------------------


def plain(store: str, campaign: str, photos: str) -> dict[str, float]:
    """Make the film from a folder, as the graph does, in plain function calls: no run, no events, nothing to show.

    Tells the CPU seconds of its parts, by the names in `PARTS`.
    """
    marks = [_cpu_s()]
    local, folder, provider = open_store(Path(store)), Path(photos), Embedded()
    brief, edits = read_brief(list_upload(folder).brief), Edits()
    wishes = resolve(campaign, brief, edits, load_storyboard(storyboard_wanted(brief, edits)), load_moves())
    uploaded = take_in(local, folder, _unheard)
    marks.append(_cpu_s())
    analysis = analyse(local, uploaded, brief.photos.rooms, _unheard)
    shot_list = choose_pairs(
        wishes.storyboard,
        analysis,
        use=brief.photos.use,
        never=brief.photos.never,
        edits=edits,
        seed=wishes.seed,
    )
    orders = place(local, plan(wishes, shot_list, uploaded, analysis, load_moves()))
    marks.append(_cpu_s())
    clips = [settle_scene(local, campaign, order, provider, _unheard) for order in orders.scenes]
    marks.append(_cpu_s())
    track = settle_track(local, campaign, orders.track, provider, _unheard)
    marks.append(_cpu_s())
    film = settle_film(local, orders, clips, track)
    record_film(local, film)
    local.publish(film.media, keys.film(campaign))
    marks.append(_cpu_s())
    return {part: after - before for part, (before, after) in zip(PARTS, pairwise(marks), strict=True)}


def _cpu_s() -> float:
    """CPU seconds of this process and of those it started and waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _unheard(done: int, total: int) -> None:
    """Progress that nobody follows."""


# -- motion ------------------------------------------------------------------------------------------------------------


def motion_errors(recipe: Recipe | None, frames: int) -> dict[str, float]:
    """Root mean squares of the motion error, by move; without a recipe the product's."""
    said = {}
    with TemporaryDirectory(dir=".") as name:
        texture, video = Path(name) / "texture.png", Path(name) / "video.mp4"
        write_texture(texture)
        for move in MOVES:
            shot = moving(move, frames)
            if recipe is None:
                render_clip(texture, None, shot, video)
            else:
                write_scene(texture, None, shot, recipe, video)
            said[move] = video_error(video, shot)
    return said


# -- memory ------------------------------------------------------------------------------------------------------------


def long_track(store: str, campaign: str, out: str) -> None:
    """Compose, play, master and measure `LONG_TRACK_S` seconds in the campaign's mood."""
    order = film_orders(Path(store), campaign).track
    seconds = 10
    energies = islice(cycle(passage.energy for passage in order.passages), LONG_TRACK_S // seconds)
    passages = [Passage(frames=seconds * FILM.fps, energy=energy) for energy in energies]
    score = compose(passages, FILM.fps, order.mood, order.seed)
    assert score.duration_samples == LONG_TRACK_S * SAMPLE_RATE
    synthesize(score, Path(out))
    measure_track(Path(out))


def big_photo(source: str, out: str, progressive: bool) -> None:
    """Write a photo of 100 megapixels, by repeating another one."""
    from PIL import Image

    width, height = BIG_SIDES
    with Image.open(source) as photo, Image.new("RGB", BIG_SIDES) as big:
        tile = photo.convert("RGB")
        for top in range(0, height, tile.height):
            for left in range(0, width, tile.width):
                big.paste(tile, (left, top))
        big.save(out, "JPEG", quality=85, progressive=progressive)


WORKLOADS: Final[Mapping[str, tuple[Callable[..., dict[str, float] | None], tuple[str, ...]]]] = {
    "paint": (paint, PICTURES),
    "x264": (x264, PICTURES),
    "clip": (clip, PICTURES),
    "join": (joined, PICTURES),
    "moviepy": (moviepy, (*PICTURES, "moviepy")),
    "zoompan": (zoompan, (*PICTURES, "imageio_ffmpeg")),
    "plain": (plain, FILMS),
    "motion": (motion_errors, PICTURES),
    "long_track": (long_track, PICTURES),
    "big_photo": (big_photo, PICTURES),
}
"""What can be measured by name: the function, and the libraries it is to find imported."""


if __name__ == "__main__":
    main()
