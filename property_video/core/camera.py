"""The camera: named moves as data, and the windows of a photo that a move shows, frame by frame.

Here: where the camera looks. Every rule is arithmetic on fractions of a photo.
Not here: pixels (media/canvas.py, media/frames.py), and which move a scene wants (storyboards).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from property_video.core.errors import BadBrief
from property_video.core.film import FILM, FilmFormat
from property_video.core.records import Record

MOVE_SECONDS: Final = 4.0
"""Seconds a move is written for; longer and shorter scenes keep its speed (see `frame_views`)."""

LONGEST_PATH: Final = 1.6
"""The most a long scene stretches a move's path: beyond it the zoom would outgrow a 1920 px photo."""

ANCHOR_Y: Final = 0.47
"""Share of a tall photo's surplus height that is cut off at the bottom: a little less than half keeps the floor."""

PEDESTAL_WIDTH: Final = 1536
"""Pixels of width from which a portrait photo fills the film's width: 1.25x upscaling."""

Staging = Literal["cover", "pedestal", "fill"]


class Framing(Record):
    """Where a move looks, whatever the photo.

    `zoom` is relative to the largest window of the film's shape in the photo (1 = that window, the cover crop).
    `x` and `y` are offsets of the window's centre from the cover crop's, in widths and heights of the cover crop;
    positive is right and down.
    """

    zoom: float = Field(ge=1.0, le=2.0)
    x: float = Field(default=0.0, ge=-0.5, le=0.5)
    y: float = Field(default=0.0, ge=-0.5, le=0.5)


class Move(Record):
    """A named camera move over `MOVE_SECONDS`.

    The speed is a trapezoid whose ramps take `ramp` of the time at each end; `linear` of the path is run at constant
    speed instead, so that no frame stands still (0.35 lowers the worst error after x264 from 0.072 to 0.059 px).
    A `mirrors` move runs to the left or to the right, as the seed has it; the others keep their direction.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    start: Framing
    end: Framing
    ramp: float = Field(default=0.18, gt=0.0, le=0.5)
    linear: float = Field(default=0.35, ge=0.0, le=1.0)
    mirrors: bool = False

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Move":
        if self.start == self.end:
            raise ValueError("a move starts and ends on different framings; a still picture looks frozen")
        return self


class Shot(Record):
    """Everything that decides a clip's pixels, besides the photos themselves.

    `frames` counts the whole clip, `dissolve_frames` those in which both photos show; `anchor_y` is explained at
    `frame_views`.
    """

    move: Move
    frames: int = Field(ge=2)
    seed: int = 0
    dissolve_frames: int = Field(default=14, ge=0)
    anchor_y: float = Field(default=ANCHOR_Y, ge=0.0, le=1.0)
    film: FilmFormat = FILM


class View(Record):
    """One frame's window: `x`, `y` is its centre in fractions of the photo's width and height."""

    zoom: float
    x: float
    y: float


def parse_moves(data: Mapping[str, Any]) -> dict[str, Move]:
    """The moves of a storyboard folder by name, from `{name: {title, start, end, …}}`.

    Raises:
        BadBrief: naming the move that breaks a rule.
    """
    moves = {}
    for name, fields in data.items():
        try:
            moves[name] = Move(name=name, **fields)
        except (TypeError, ValidationError) as error:
            raise BadBrief(f"The camera move {name!r} cannot be used: {error}.", "Mend it in moves.yaml.") from error
    return moves


def ease(p: float, ramp: float = 0.18, linear: float = 0.35) -> float:
    """Share of the path covered after the share `p` (0..1) of the time.

    The eased part has a trapezoid of speed with smoothstep ramps: its integral on a ramp is x^3 - x^4/2, and its top
    speed 1/(1 - ramp) of the mean (1.22 at 0.18; a plain smoothstep has 1.5).
    """
    mirrored = 1.0 - p if p > 0.5 else p
    x = min(mirrored / ramp, 1.0)
    eased = (ramp * (x**3 - x**4 / 2) + max(mirrored - ramp, 0.0)) / (1.0 - ramp)
    if p > 0.5:
        eased = 1.0 - eased
    return linear * p + (1.0 - linear) * eased


def staging(photo_size: tuple[int, int], film: FilmFormat) -> Staging:
    """How a photo of (width, height) pixels becomes the film's shape.

    `cover`: the move runs over the photo's largest window of the film's shape. `pedestal`: a portrait wide enough for
    the film's width is shown bit by bit, rising. `fill`: a narrow portrait stands whole before a blurred copy.
    """
    width, height = photo_size
    if width >= height:
        return "cover"
    return "pedestal" if width >= PEDESTAL_WIDTH * film.width / FILM.width else "fill"


def cover_share(photo_size: tuple[int, int], film: FilmFormat) -> tuple[float, float]:
    """Width and height of the cover crop, in fractions of the photo."""
    photo_shape = photo_size[0] / photo_size[1]
    film_shape = film.width / film.height
    return min(film_shape / photo_shape, 1.0), min(photo_shape / film_shape, 1.0)


def frame_views(
    move: Move,
    frames: int,
    photo_size: tuple[int, int],
    film: FilmFormat,
    seed: int,
    anchor_y: float = ANCHOR_Y,
) -> list[View]:
    """The window of every frame of one photo; all of them lie inside the photo.

    A move keeps its speed: a scene shorter or longer than `MOVE_SECONDS` runs a shorter or longer path (up to
    `LONGEST_PATH`). Both photos of a scene get the same move and seed, so their velocities match in the dissolve.

    Args:
        move: The scene's move. A narrow or wide portrait replaces it (see `staging`).
        frames: Frames of the whole scene, 2 or more.
        photo_size: Width and height of the upright photo; any unit.
        film: The film's format.
        seed: Chooses the direction of moves that mirror, and varies path and height by a little.
        anchor_y: Share of the surplus height that is cut off at the bottom. 0.5 is centred; 0.40 suits exteriors
            (the sky gives way), 0.45 to 0.50 interiors (the floor stays).
    """
    match staging(photo_size, film):
        case "pedestal":
            move = _PEDESTAL
        case "fill":
            move, photo_size = _SLOW_PUSH, (film.width, film.height)
    move = _take(move, seed, frames / film.fps)
    start, end = (_inside(framing, photo_size, film, anchor_y) for framing in (move.start, move.end))
    return [_between(start, end, ease(i / (frames - 1), move.ramp, move.linear)) for i in range(frames)]


_PEDESTAL: Final = Move(
    name="pedestal",
    title="Pedestal up a tall photo",
    start=Framing(zoom=1.02, y=0.10),
    end=Framing(zoom=1.02, y=-0.10),
)
"""216 of the film's 1080 lines in 4 s: 54 px/s, as fast as a sweep."""

_SLOW_PUSH: Final = Move(
    name="slow_push", title="Slow push on a framed picture", start=Framing(zoom=1.0), end=Framing(zoom=1.03)
)


def _take(move: Move, seed: int, seconds: float) -> Move:
    """The move as one seed has it: its direction, 88 to 100 % of its path, up to 0.4 % of the height up or down."""
    turn, path, lift = _draws(seed, move.name, 3)
    side = -1.0 if move.mirrors and turn < 0.5 else 1.0
    stretch = min(seconds / MOVE_SECONDS, LONGEST_PATH) * (0.88 + 0.12 * path)
    middle = _between(move.start, move.end, 0.5)

    def taken(framing: Framing) -> Framing:
        return Framing(
            zoom=max(1.0, middle.zoom * (framing.zoom / middle.zoom) ** stretch),
            x=side * (middle.x + (framing.x - middle.x) * stretch),
            y=middle.y + (framing.y - middle.y) * stretch + 0.008 * (lift - 0.5),
        )

    return move.model_copy(update={"start": taken(move.start), "end": taken(move.end)})


def _draws(seed: int, name: str, count: int) -> Sequence[float]:
    """`count` numbers in 0..1 that are the same for ever: a generator's stream may change with its library."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "big") / 2**32 for i in range(count)]


def _inside(framing: Framing, photo_size: tuple[int, int], film: FilmFormat, anchor_y: float) -> View:
    """The framing on one photo, moved by as much as keeps its window inside."""
    share_x, share_y = cover_share(photo_size, film)
    x = 0.5 + framing.x * share_x
    y = share_y / 2 + (1.0 - share_y) * (1.0 - anchor_y) + framing.y * share_y
    half_x, half_y = share_x / framing.zoom / 2, share_y / framing.zoom / 2
    return View(zoom=framing.zoom, x=min(max(x, half_x), 1.0 - half_x), y=min(max(y, half_y), 1.0 - half_y))


def _between(start: View | Framing, end: View | Framing, e: float) -> View:
    """The window at the share `e` of the path: constant percent per second of zoom, about a point that stays fixed.

    The window's width runs geometrically; its centre follows the width linearly, which keeps the one point that both
    windows share in place. All windows lie inside the hull of the first and the last.
    """
    zoom = start.zoom * (end.zoom / start.zoom) ** e
    along = e
    if abs(end.zoom / start.zoom - 1.0) > 1e-6:
        along = (1.0 / zoom - 1.0 / start.zoom) / (1.0 / end.zoom - 1.0 / start.zoom)
    return View(zoom=zoom, x=start.x + (end.x - start.x) * along, y=start.y + (end.y - start.y) * along)
