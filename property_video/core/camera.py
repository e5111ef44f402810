"""The camera: named moves as data, and the windows of a photo that a move shows, frame by frame.

Here: where the camera looks. Every rule is arithmetic on fractions of a photo.
Not here: pixels (media/canvas.py, media/frames.py), and which move a scene wants (storyboards).
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field, ValidationError, model_validator

from property_video.core.errors import BadBrief
from property_video.core.film import FILM, FilmFormat
from property_video.core.joins import DISSOLVE, Join
from property_video.core.records import Record

MOVE_SECONDS: Final = 4.0
"""Seconds a move is written for; longer and shorter scenes keep its speed by a longer or shorter path."""

LONGEST_PATH: Final = 1.6
"""The most a long scene stretches a move's path: beyond it the zoom would outgrow a 1920 px photo."""

ANCHOR_Y: Final = 0.47
"""Share of a tall photo's surplus height that is cut off at the bottom: a little less than half keeps the floor."""

LEAST_ROLL: Final = 0.4
MOST_ROLL: Final = 5.0
"""Degrees of lean that are set right. Less is not seen, and each turn costs a resampling; more is meant, or misread."""

PANORAMA: Final = 1.25
"""Widths of the cover crop from which a photo is a panorama (20:9 and wider): the camera pans along it."""

FOCUS_BAND: Final = (0.2, 0.06)
"""How far from the frame's middle the focus may lie before the window follows it, in frame widths and heights.

Across, the photographer's composition outranks a saliency map. Up and down a crop has to be chosen anyway, and it had
better not cut the roof off to keep the driveway.
"""

HERO: Final = 1.5
"""How much further out than the focus a zoom's fixed point lies: the focus drifts towards the middle meanwhile."""

MOST_AIM: Final = 0.4
"""Offset of a zoom's fixed point from the frame's middle, at most, in frame widths and heights."""

ALIGNED_LASTS: Final = 1.5
"""How much longer than others an aligned dissolve takes: nothing doubles, the light changes."""

MOST_ENLARGED: Final = 1.25
"""Enlargement beyond its move's own zoom up to which a joined shot is worth its loss of view and sharpness."""


class Framing(Record):
    """Where a move looks at one of its ends, whatever the photo.

    `zoom` is relative to the largest window of the film's shape in the photo (1 = that window, the cover crop).
    `x` and `y` place the window's centre, in widths and heights of the cover crop, right and down; what counts is how
    they change on the way, because each photo has the path laid where it shows best (see `film_shot`).
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


class Pose(Record):
    """What the camera has to know of one photo.

    `focus_x`, `focus_y` is what the photo is of, in fractions of its width and height. `roll` is by how many degrees
    the photo leans clockwise; it is turned back by as much (see `poses`). A `dusk` photo keeps its exposure and
    colour.
    """

    focus_x: float = Field(default=0.5, ge=0.0, le=1.0)
    focus_y: float = Field(default=0.5, ge=0.0, le=1.0)
    roll: float = Field(default=0.0, ge=-45.0, le=45.0)
    dusk: bool = False


class Shot(Record):
    """Everything that decides a clip's pixels, besides the photos themselves.

    `frames` counts the whole clip, `dissolve_frames` those in which both photos show. `anchor_y` is the share of a tall
    photo's surplus height that is cut off at the bottom: 0.5 is centred; 0.40 suits exteriors (the sky gives way), 0.45
    to 0.50 interiors (the floor stays). `seed` chooses the direction of moves that mirror and varies the path by a
    little. `first` and `last` are the photos' poses.
    """

    move: Move
    frames: int = Field(ge=2)
    seed: int = 0
    dissolve_frames: int = Field(default=14, ge=0)
    anchor_y: float = Field(default=ANCHOR_Y, ge=0.0, le=1.0)
    join: Join = DISSOLVE
    first: Pose = Pose()
    last: Pose = Pose()
    film: FilmFormat = FILM


class View(Record):
    """One frame's window: `x`, `y` is its centre in fractions of the upright photo's width and height."""

    zoom: float
    x: float
    y: float


class Showing(Record):
    """One photo of a shot: it shows from frame `begin` on, for as many frames as there are views."""

    begin: int
    views: tuple[View, ...]

    def view(self, frame: int) -> View:
        """The window of frame number `frame` of the shot."""
        return self.views[frame - self.begin]


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


def cover_share(photo_size: tuple[int, int], film: FilmFormat) -> tuple[float, float]:
    """Width and height of the cover crop, in fractions of the photo."""
    photo_shape = photo_size[0] / photo_size[1]
    film_shape = film.width / film.height
    return min(film_shape / photo_shape, 1.0), min(photo_shape / film_shape, 1.0)


def upright_size(photo_size: tuple[int, int], roll: float) -> tuple[int, int]:
    """Width and height of the largest upright rectangle inside a photo turned by `roll` degrees about its centre.

    With a the angle and l the longer side: where the shorter side exceeds l sin 2a, which holds here for all but
    panoramas, it is (w cos a - h sin a, h cos a - w sin a) / cos 2a; beyond, its corners halve the longer sides.
    """
    width, height = photo_size
    angle = math.radians(abs(roll))
    sine, cosine = math.sin(angle), math.cos(angle)
    if min(width, height) <= 2.0 * sine * cosine * max(width, height):
        half = min(width, height) / 2
        across, down = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        twice = math.cos(2.0 * angle)
        across, down = (width * cosine - height * sine) / twice, (height * cosine - width * sine) / twice
    return int(across + 1e-9), int(down + 1e-9)


def poses(shot: Shot) -> tuple[Pose, Pose]:
    """The poses of the first and the last photo as they are rendered.

    A lean is set right between `LEAST_ROLL` and `MOST_ROLL`; a joined last photo is turned onto the first instead.
    """
    first, last = (pose.model_copy(update={"roll": _worth_turning(pose.roll)}) for pose in (shot.first, shot.last))
    if shot.join.kind == "dissolve":
        return first, last
    return first, last.model_copy(update={"roll": first.roll + shot.join.rotation})


def _worth_turning(roll: float) -> float:
    return roll if LEAST_ROLL <= abs(roll) <= MOST_ROLL else 0.0


def dissolve_span(shot: Shot) -> tuple[int, int]:
    """The frames in which both photos show, as (first, one past the last): in the middle of the shot."""
    lasting = ALIGNED_LASTS if shot.join.kind == "aligned" else 1.0
    length = min(round(lasting * shot.dissolve_frames), shot.frames - 2)
    begin = (shot.frames - length) // 2
    return begin, begin + length


def film_shot(shot: Shot, sizes: Sequence[tuple[int, int]]) -> tuple[Showing, ...]:
    """Where the camera looks in each photo, frame by frame; all windows lie inside their photos.

    There is one camera path for the whole shot: zoom and travel in units of the cover crop, so that both photos move
    alike on the screen and nothing but the picture changes in the dissolve. Each photo lays the path where it shows
    best: its focus well inside the frame, its floor or sky cut as `anchor_y` has it. In a joined shot the last photo
    is seen through the very window of the first, carried over by the join's geometry; where that window would leave a
    photo, the path is seen a little larger, and beyond `MOST_ENLARGED` the shot dissolves instead.

    Photos that are no landscapes keep their shape: along a panorama the camera pans, up a portrait it rises, whatever
    the scene's move.

    Args:
        shot: The shot.
        sizes: Width and height in pixels of one or two photos, as their files have them.
    """
    begin, end = dissolve_span(shot)
    spans = [(0, shot.frames)] if len(sizes) == 1 else [(0, end), (begin, shot.frames)]
    stages = [_stage(size, pose, shot.film) for size, pose in zip(sizes, poses(shot), strict=False)]
    path = _path(_move(shot, stages), shot, stages)
    if len(stages) == 2 and shot.join.kind != "dissolve":
        joined = _joined(path, shot, stages, spans)
        if joined is not None:
            return joined
    showings = []
    for stage, span in zip(stages, spans, strict=True):
        own = _path(_PEDESTAL, shot, [stage]) if stage.portrait else path
        showings.append(_lay(own, stage, span, shot.anchor_y))
    return tuple(showings)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A photo as the camera finds it.

    Lengths are in widths and heights of its cover crop: `room` is the upright photo's size (1 or more), `focus` the
    way from its centre to its focus. `cover` is the cover crop's width in units of the file's longer side.
    """

    portrait: bool
    room: tuple[float, float]
    focus: tuple[float, float]
    cover: float


def _stage(size: tuple[int, int], pose: Pose, film: FilmFormat) -> _Stage:
    upright = upright_size(size, pose.roll)
    share = cover_share(upright, film)
    crop = (upright[0] * share[0], upright[1] * share[1])
    off_x, off_y = _turned(((pose.focus_x - 0.5) * size[0], (pose.focus_y - 0.5) * size[1]), -pose.roll)
    return _Stage(
        portrait=upright[0] < upright[1],
        room=(1.0 / share[0], 1.0 / share[1]),
        focus=(off_x / crop[0], off_y / crop[1]),
        cover=crop[0] / max(size),
    )


def _turned(point: tuple[float, float], degrees: float) -> tuple[float, float]:
    """The point turned clockwise (y points down) about the origin."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return cosine * point[0] - sine * point[1], sine * point[0] + cosine * point[1]


_PEDESTAL: Final = Move(
    name="pedestal",
    title="Pedestal up a tall photo",
    start=Framing(zoom=1.02, y=0.10),
    end=Framing(zoom=1.02, y=-0.10),
)
"""216 of the film's 1080 lines in 4 s: 54 px/s, as fast as a sweep.

A narrow portrait is enlarged for it (2.25x at 853 pixels of width), as a landscape photo of that width is; standing
whole before a blurred copy of itself it looks like a telephone's video."""

_PAN: Final = Move(
    name="pan",
    title="Pan along a panorama",
    start=Framing(zoom=1.0, x=-0.054),
    end=Framing(zoom=1.0, x=0.054),
    mirrors=True,
)
"""207 of the film's 1920 columns in 4 s: 52 px/s."""


def _move(shot: Shot, stages: Sequence[_Stage]) -> Move:
    """The scene's move; a pan where every photo is a panorama, in the direction of the move if it has one."""
    if any(stage.room[0] < PANORAMA for stage in stages):
        return shot.move
    travel = shot.move.end.x - shot.move.start.x
    if shot.move.mirrors or travel == 0:
        return _PAN
    start, end = (_PAN.start, _PAN.end) if travel > 0 else (_PAN.end, _PAN.start)
    return _PAN.model_copy(update={"start": start, "end": end, "mirrors": False})


def _path(move: Move, shot: Shot, stages: Sequence[_Stage]) -> list[View]:
    """The camera's path on the screen: zoom, and travel of the window's centre in cover crops, from anywhere.

    Zooming runs at a constant ratio about a point of the screen that stays fixed: the focus, which slides from the
    first photo's to the last one's where they differ. Hence dx = -s dw for the window's width w and the point's
    offset s from the screen's centre, in screen widths.
    """
    move = _take(move, shot.seed, shot.frames / shot.film.fps)
    aims = [
        (
            _bound(HERO * stage.focus[0], MOST_AIM),
            _bound(HERO * (stage.focus[1] - _rest(stage, shot.anchor_y)), MOST_AIM),
        )
        for stage in stages
    ]
    views = []
    x = y = 0.0
    width = 1.0 / move.start.zoom
    for frame in range(shot.frames):
        p = frame / (shot.frames - 1)
        e = ease(p, move.ramp, move.linear)
        zoom = move.start.zoom * (move.end.zoom / move.start.zoom) ** e
        slide = p * p * (3.0 - 2.0 * p)
        aim_x, aim_y = (first + (last - first) * slide for first, last in zip(aims[0], aims[-1], strict=True))
        x, y = x - aim_x * (1.0 / zoom - width), y - aim_y * (1.0 / zoom - width)
        width = 1.0 / zoom
        views.append(
            View(
                zoom=zoom,
                x=x + move.start.x + (move.end.x - move.start.x) * e,
                y=y + move.start.y + (move.end.y - move.start.y) * e,
            )
        )
    return views


def _rest(stage: _Stage, anchor_y: float) -> float:
    """Height of the window's centre off the photo's, in cover crops, where `anchor_y` has it."""
    return (stage.room[1] - 1.0) * (0.5 - anchor_y)


def _lay(path: Sequence[View], stage: _Stage, span: tuple[int, int], anchor_y: float) -> Showing:
    """The part of a path that shows a photo, laid where it shows best, enlarged as far as it must be to fit."""
    part = path[span[0] : span[1]]
    enlarged = 1.0
    while (freedom := _freedom(part, enlarged, stage)) is None:
        enlarged *= 1.01
    return _laid(part, enlarged, stage, _placed(part, enlarged, stage, freedom, anchor_y), span[0])


def _laid(part: Sequence[View], enlarged: float, stage: _Stage, at: tuple[float, float], begin: int) -> Showing:
    return Showing(
        begin=begin,
        views=tuple(
            View(
                zoom=view.zoom * enlarged,
                x=0.5 + (view.x / enlarged + at[0]) / stage.room[0],
                y=0.5 + (view.y / enlarged + at[1]) / stage.room[1],
            )
            for view in part
        ),
    )


_Interval = tuple[float, float]


def _freedom(part: Sequence[View], enlarged: float, stage: _Stage) -> tuple[_Interval, _Interval] | None:
    """Offsets (x and y intervals, in cover crops) at which all windows lie inside the photo; None without any."""
    spans = []
    for axis, room in enumerate(stage.room):
        low, high = -math.inf, math.inf
        for view in part:
            reach = (room - 1.0 / (view.zoom * enlarged)) / 2
            centre = (view.x, view.y)[axis] / enlarged
            low, high = max(low, -reach - centre), min(high, reach - centre)
        if low > high + 1e-12:
            return None
        spans.append((low, max(low, high)))
    return spans[0], spans[1]


def _placed(
    part: Sequence[View], enlarged: float, stage: _Stage, freedom: tuple[_Interval, _Interval], anchor_y: float
) -> tuple[float, float]:
    """The offset within the freedom that keeps the focus in the middle part of the frame, else as near as may be."""
    placed = []
    for axis, rest in enumerate((0.0, _rest(stage, anchor_y))):
        centres = [(view.x, view.y)[axis] / enlarged for view in part]
        middle = (min(centres) + max(centres)) / 2
        slack = FOCUS_BAND[axis] / (part[len(part) // 2].zoom * enlarged)
        wanted = min(max(rest, stage.focus[axis] - slack), stage.focus[axis] + slack) - middle
        placed.append(min(max(wanted, freedom[axis][0]), freedom[axis][1]))
    return placed[0], placed[1]


def _joined(
    path: Sequence[View], shot: Shot, stages: Sequence[_Stage], spans: Sequence[tuple[int, int]]
) -> tuple[Showing, ...] | None:
    """One path through both photos, the last seen through the first one's window; None where none fits inside.

    A position q of the first photo (upright, in its cover crops) lies in the last at ratio * q + shift, and a window
    there is `ratio` times as wide: the same arithmetic as a path that is laid and enlarged.
    """
    first, last = stages
    if first.portrait or last.portrait:
        return None
    ratio = shot.join.scale * first.cover / last.cover
    film_shape = shot.film.width / shot.film.height
    shift_x, shift_y = _turned((shot.join.x, shot.join.y), -poses(shot)[1].roll)
    shift = (shift_x / last.cover, shift_y * film_shape / last.cover)
    enlarged = 1.0
    while max(enlarged, enlarged / ratio) <= MOST_ENLARGED:
        free_first = _freedom(path[spans[0][0] : spans[0][1]], enlarged, first)
        free_last = _freedom(path[spans[1][0] : spans[1][1]], enlarged / ratio, last)
        if free_first and free_last:
            both = [
                (max(a[0], (b[0] - s) / ratio), min(a[1], (b[1] - s) / ratio))
                for a, b, s in zip(free_first, free_last, shift, strict=True)
            ]
            if all(low <= high for low, high in both):
                part = path[spans[0][0] : spans[0][1]]
                at = _placed(part, enlarged, first, (both[0], both[1]), shot.anchor_y)
                there = (ratio * at[0] + shift[0], ratio * at[1] + shift[1])
                return (
                    _laid(part, enlarged, first, at, 0),
                    _laid(path[spans[1][0] : spans[1][1]], enlarged / ratio, last, there, spans[1][0]),
                )
        enlarged *= 1.01
    return None


def _bound(value: float, most: float) -> float:
    return min(max(value, -most), most)


def _take(move: Move, seed: int, seconds: float) -> Move:
    """The move as one seed has it: its direction, and 88 to 100 % of its path."""
    turn, path = _draws(seed, move.name, 2)
    side = -1.0 if move.mirrors and turn < 0.5 else 1.0
    stretch = min(seconds / MOVE_SECONDS, LONGEST_PATH) * (0.88 + 0.12 * path)
    start, end = move.start, move.end
    zoom, x, y = math.sqrt(start.zoom * end.zoom), (start.x + end.x) / 2, (start.y + end.y) / 2

    def taken(framing: Framing) -> Framing:
        return Framing(
            zoom=max(1.0, zoom * (framing.zoom / zoom) ** stretch),
            x=side * (x + (framing.x - x) * stretch),
            y=y + (framing.y - y) * stretch,
        )

    return move.model_copy(update={"start": taken(move.start), "end": taken(move.end)})


def _draws(seed: int, name: str, count: int) -> Sequence[float]:
    """`count` numbers in 0..1 that are the same for ever: a generator's stream may change with its library."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "big") / 2**32 for i in range(count)]
