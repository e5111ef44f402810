"""Joins: how a scene gets from its first photo to its last, decided by what the two photos have in common.

Here: what matching two photos found, and the rule that turns it into a join.
Not here: finding common points (media/match.py), and the camera's path through a join (camera.py).
"""

import math
from typing import Final, Literal

from property_video.core.film import FILM
from property_video.core.records import Record

JoinKind = Literal["dissolve", "anchored", "aligned"]

ALIGNED_INLIERS: Final = 30
ALIGNED_SHARE: Final = 0.5
ALIGNED_COVERAGE: Final = 0.10
ALIGNED_SCALE: Final = 1.25
"""The sample's two day-and-dusk pairs have 44 and 47 inliers, shares of .64 and .72, coverage .17 and .12. Of 199
pairs of different places there and 84 pairs of different rooms in fourteen houses, none has more than 6 inliers."""

ANCHORED_INLIERS: Final = 20
ANCHORED_SHARE: Final = 0.35
ANCHORED_COVERAGE: Final = 0.05
ANCHORED_SCALE: Final = 1.43

MOST_TURN: Final = 1.0
"""Degrees by which the last photo may be turned to lie on the first; more would show as a tilt."""

LEAST_WINDOW: Final = 0.8
"""Share of the full framing that both photos must show in common: a joined scene is seen through that window, and
25 % is as much enlargement as a picture of 1920 pixels bears."""


class Match(Record):
    """What two photos have in common: matched points, and the similarity that maps most of them.

    Positions are measured from a photo's centre, x to the right and y downwards, in units of that photo's longer
    side. A point `p` of `first` lies in `last` at `scale * turn(p, rotation) + (x, y)`; `rotation` is in degrees,
    clockwise as seen. `inliers` are the `matches` that the similarity explains, `coverage` the share of 8x6 cells of
    `first` that hold one. `one_move` says that the views overlap as those of one moving camera do (an epipolar
    geometry with enough support), whether or not a similarity explains them.
    """

    first: str
    last: str
    matches: int = 0
    inliers: int = 0
    coverage: float = 0.0
    scale: float = 1.0
    rotation: float = 0.0
    x: float = 0.0
    y: float = 0.0
    one_move: bool = False

    def backwards(self) -> "Match":
        """The same match with first and last photo exchanged."""
        turn = math.radians(-self.rotation)
        return self.model_copy(
            update={
                "first": self.last,
                "last": self.first,
                "scale": 1.0 / self.scale,
                "rotation": -self.rotation,
                "x": -(self.x * math.cos(turn) - self.y * math.sin(turn)) / self.scale,
                "y": -(self.x * math.sin(turn) + self.y * math.cos(turn)) / self.scale,
            }
        )


class Join(Record):
    """How the first photo becomes the last.

    `dissolve`: both follow the same move, mixed for a moment. `anchored`: what both show stays where it is on the
    screen while the rest dissolves around it. `aligned`: the same view at another time; all of it stays in place.
    The geometry is that of `Match`, and means nothing to a dissolve.
    """

    kind: JoinKind = "dissolve"
    scale: float = 1.0
    rotation: float = 0.0
    x: float = 0.0
    y: float = 0.0


DISSOLVE: Final = Join()


def choose_join(
    match: Match | None,
    first_size: tuple[int, int],
    last_size: tuple[int, int],
    first_roll: float = 0.0,
    last_roll: float = 0.0,
) -> Join:
    """The join that two photos allow.

    Args:
        match: What they have in common, `first` being the scene's first photo; None when they were not matched.
        first_size: Width and height of the first photo; any unit.
        last_size: Those of the last photo.
        first_roll: Degrees by which the first photo will be straightened (see `camera.Pose`).
        last_roll: The same of the last photo.
    """
    if match is None or not match.one_move or match.matches == 0:
        return DISSOLVE
    share = match.inliers / match.matches
    turn = abs(match.rotation + first_roll - last_roll)
    if turn > MOST_TURN or shared_window(match, first_size, last_size) < LEAST_WINDOW:
        return DISSOLVE
    scale = max(match.scale, 1.0 / match.scale)
    if (
        match.inliers >= ALIGNED_INLIERS
        and share >= ALIGNED_SHARE
        and match.coverage >= ALIGNED_COVERAGE
        and scale <= ALIGNED_SCALE
    ):
        kind: JoinKind = "aligned"
    elif (
        match.inliers >= ANCHORED_INLIERS
        and share >= ANCHORED_SHARE
        and match.coverage >= ANCHORED_COVERAGE
        and scale <= ANCHORED_SCALE
    ):
        kind = "anchored"
    else:
        return DISSOLVE
    return Join(kind=kind, scale=match.scale, rotation=match.rotation, x=match.x, y=match.y)


def shared_window(match: Match, first_size: tuple[int, int], last_size: tuple[int, int]) -> float:
    """Width of the largest window of the film's shape that both photos show, in widths of their own such windows.

    The smaller of the two shares counts; 0 when the photos have no such window in common. Turns are left out.
    """
    half_first, half_last = (_half(size) for size in (first_size, last_size))
    common = []
    for here, there, shift in zip(half_first, half_last, (match.x, match.y), strict=True):
        low = max(-here, (-there - shift) / match.scale)
        high = min(here, (there - shift) / match.scale)
        common.append(high - low)
    width = min(common[0], common[1] * FILM.width / FILM.height)
    covers = [2 * min(half[0], half[1] * FILM.width / FILM.height) for half in (half_first, half_last)]
    return max(0.0, min(width / covers[0], width * match.scale / covers[1]))


def _half(size: tuple[int, int]) -> tuple[float, float]:
    return size[0] / max(size) / 2, size[1] / max(size) / 2
