"""Motion error: how far the frames of a video are from where the camera should have been, in film pixels.

The photo is a texture that is known as a formula, so that where a frame is can be read from it to 0.001 pixels: in
each of five windows the frame is fitted with the formula at the nominal path, its two derivatives and a constant
(Lucas and Kanade's linear step, three times). A constant offset and a share of the path are taken out: they are another
way to aim, not a jitter.

Not here: what makes the videos (workloads.py, zoompan.py).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.core.camera import Framing, Move, Pose, Shot, View, film_shot
from property_video.core.film import FILM, FilmFormat
from property_video.media.resample import planes_of

Floats = npt.NDArray[np.floating]

WAVES: Final = 24
PERIODS: Final = (10.0, 60.0)
"""Shortest and longest wave of the texture, in pixels."""

WINDOW: Final = 160
"""Pixels of a window's side."""

ITERATIONS: Final = 3

MOVES: Final = {
    "push": Move(name="push", title="Push", start=Framing(zoom=1.0), end=Framing(zoom=1.1), linear=1.0),
    "truck": Move(
        name="truck", title="Truck", start=Framing(zoom=1.1, x=-0.025), end=Framing(zoom=1.1, x=0.025), linear=1.0
    ),
}
"""At constant speed, as ffmpeg's recipes run: 10 % in 4 s, and 96 pixels."""


def moving(move: str, frames: int, film: FilmFormat = FILM) -> Shot:
    """A move over the texture, which is left as it is."""
    return Shot(move=MOVES[move], frames=frames, film=film, first=Pose(dusk=True), anchor_y=0.5)


def nominal(shot: Shot) -> tuple[View, ...]:
    """Where the camera should be in each frame, over a photo of the film's size."""
    return film_shot(shot, [(shot.film.width, shot.film.height)])[0].views


def write_texture(out: Path, film: FilmFormat = FILM) -> None:
    """Write the texture as a grey picture of the film's size, without loss."""
    from PIL import Image

    x, y = np.arange(film.width) + 0.5, np.arange(film.height) + 0.5
    grey = np.round(_texture(x, y)[0]).clip(0, 255).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., np.newaxis], 3, axis=2)).save(out, "PNG", compress_level=1)


def video_error(video: Path, shot: Shot) -> float:
    """Root mean square of a video's motion error."""
    import av

    with av.open(str(video)) as container:
        frames = (np.asarray(planes_of(frame).y, float) for frame in container.decode(container.streams.video[0]))
        return motion_error(frames, nominal(shot), shot.film)


def motion_error(frames: Iterable[Floats], views: Sequence[View], film: FilmFormat) -> float:
    """Root mean square of the deviation from the views, over all windows, frames and both directions.

    Args:
        frames: Luma of each frame, (height, width), of a photo that `write_texture` wrote.
        views: Where each should be.
        film: Their size.
    """
    reach_x, reach_y = film.width // 4, film.height // 4
    middles = [(0, 0), (-reach_x, -reach_y), (reach_x, -reach_y), (-reach_x, reach_y), (reach_x, reach_y)]
    found, paths = [], []
    for frame, view in zip(frames, views, strict=True):
        found.append([_offset(frame, view, film, middle) for middle in middles])
        paths.append([_place(view, film, middle) for middle in middles])
    offsets, path = np.array(found).reshape(len(views), -1), np.array(paths).reshape(len(views), -1)
    left = [_without(path[:, each], offsets[:, each]) for each in range(path.shape[1])]
    return float(np.sqrt(np.mean(np.square(left))))


def _place(view: View, film: FilmFormat, middle: tuple[int, int]) -> tuple[float, float]:
    """Photo pixels at the middle of a window, whose place is relative to the frame's."""
    return view.x * film.width + middle[0] / view.zoom, view.y * film.height + middle[1] / view.zoom


def _offset(frame: Floats, view: View, film: FilmFormat, middle: tuple[int, int]) -> tuple[float, float]:
    """By how many film pixels, along and down, a window shows another part of the photo than it should."""
    left, top = film.width // 2 + middle[0] - WINDOW // 2, film.height // 2 + middle[1] - WINDOW // 2
    seen = frame[top : top + WINDOW, left : left + WINDOW].ravel()
    steps = (np.arange(WINDOW) + 0.5 - WINDOW / 2) / view.zoom
    x, y = _place(view, film, middle)
    for _ in range(ITERATIONS):
        ideal, along, down = (part.ravel() for part in _texture(x + steps, y + steps))
        terms = np.stack([ideal, along, down, np.ones_like(ideal)], axis=1)
        gain, gain_x, gain_y, _ = np.linalg.lstsq(terms, seen, rcond=None)[0]
        x, y = x + gain_x / gain, y + gain_y / gain
    should_x, should_y = _place(view, film, middle)
    return (x - should_x) * view.zoom, (y - should_y) * view.zoom


def _without(path: Floats, offsets: Floats) -> Floats:
    """What a constant and a share of the path do not explain."""
    moved = path - path.mean()
    terms = np.stack([np.ones_like(path), moved], axis=1) if np.ptp(path) > 1e-6 else np.ones((len(path), 1))
    return offsets - terms @ np.linalg.lstsq(terms, offsets, rcond=None)[0]


def _texture(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """The texture's value and its derivatives along and down, at columns `x` and rows `y` in photo pixels.

    A wave of x and y is the product of one of x and one of y, so that all waves together are one matrix product.
    """
    random = np.random.default_rng(7)
    angle = random.uniform(0, np.pi, WAVES)
    frequency = 2 * np.pi / random.uniform(*PERIODS, WAVES)
    weights = 90.0 / np.sqrt(WAVES) * np.exp(1j * random.uniform(0, 2 * np.pi, WAVES))
    along, down = frequency * np.cos(angle), frequency * np.sin(angle)
    waves_x, waves_y = np.exp(1j * np.outer(along, x)), np.exp(1j * np.outer(y, down))

    def total(factors: npt.NDArray[np.complex128]) -> Floats:
        return np.asarray(((waves_y * factors) @ waves_x).real)

    return 128.0 + total(weights), total(1j * along * weights), total(1j * down * weights)
