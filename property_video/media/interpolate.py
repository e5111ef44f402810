"""Interpolation: the picture at any moment between two neighbouring pictures of a clip.

Not here: which moments a film needs (media/conform.py) and drawing photos (media/frames.py).
"""

from typing import Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from property_video.core.film import FilmFormat
from property_video.media.canvas import Plane
from property_video.media.resample import Planes

Field = NDArray[np.float32]
"""A motion field: (height, width, 2) displacements in pixels of its own grid, x before y."""

FLOW_SHARE: Final = 3
"""Film pixels per pixel of the motion field. Half-size fields cost twice as much and lose fast pans (15 px a frame)."""

LEAST_FLOW_WIDTH: Final = 320
"""Pixels below which a field is not made coarser."""

STRIP: Final = 90
"""Rows that are painted at a time: maps for a whole frame would take 33 MB."""

CUT_CHANGE: Final = 20.0
CUT_RELIABLE: Final = 0.4
"""Mean change in levels, and share of reliable motion, beyond which two neighbours show different things: a cut."""


class InBetween:
    """Paints pictures between two neighbours, along the motion between them.

    Motion is estimated both ways (DIS optical flow, Kroeger et al., ECCV 2016). Where the two ways contradict each
    other - things that appear or vanish, reflections - the neighbours are blended instead; across a cut the nearer one
    is shown whole.
    """

    def __init__(self, film: FilmFormat) -> None:
        import cv2

        self._size = (film.width, film.height)
        width = max(film.width // FLOW_SHARE, min(film.width, LEAST_FLOW_WIDTH))
        self._flow_size = (width, round(width * film.height / film.width))
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def look_at(self, before: Planes, after: Planes) -> None:
        """Estimate the motion from `before` to `after`; both are kept, not copied."""
        import cv2

        self._before, self._after = before, after
        small = [
            np.asarray(cv2.resize(planes.y, self._flow_size, interpolation=cv2.INTER_AREA), np.uint8)
            for planes in (before, after)
        ]
        self._forth, self._back = self._motion(small[0], small[1]), self._motion(small[1], small[0])
        self._trust = _agreement(self._forth, self._back)
        self._all_trusted = bool(self._trust.min() >= 1.0)
        self.reliable = float(self._trust.mean())
        change = cv2.norm(small[0], small[1], cv2.NORM_L1) / small[0].size
        self.cut = change > CUT_CHANGE and self.reliable < CUT_RELIABLE

    def _motion(self, start: Plane, end: Plane) -> Field:
        nothing = np.zeros((*start.shape, 2), np.float32)
        return np.asarray(self._flow.calc(start, end, nothing), np.float32)

    def paint(self, t: float, into: Planes) -> None:
        """Draw the picture at the share `t` (0..1) of the way from before to after."""
        if self.cut:
            for plane, source in zip(into, self._before if t < 0.5 else self._after, strict=True):
                np.copyto(plane, source)
            return
        # Where a pixel of the new picture comes from, by the motion of its own place (Jiang et al., "Super SloMo",
        # CVPR 2018, eq. 4): exact for steady motion, and without holes.
        from_before = (t * t) * self._back - ((1 - t) * t) * self._forth
        from_after = ((1 - t) * (1 - t)) * self._forth - (t * (1 - t)) * self._back
        for plane, before, after, sharp in zip(into, self._before, self._after, (True, False, False), strict=True):
            for top in range(0, plane.shape[0], STRIP):
                self._strip(plane, top, before, after, from_before, from_after, t, sharp)

    def _strip(
        self,
        plane: Plane,
        top: int,
        before: Plane,
        after: Plane,
        to_before: Field,
        to_after: Field,
        t: float,
        sharp: bool,
    ) -> None:
        """Paint up to STRIP rows of one plane, from row `top` on.

        Luma is sampled by cubic interpolation: its sharpness then varies by 2 to 3 % from frame to frame, by 10 % (a
        visible pulsing) with linear interpolation.
        """
        import cv2

        rows = plane[top : top + STRIP]
        kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
        moved = [
            _moved(source, _places(field, top, rows.shape, plane.shape), kernel)
            for source, field in ((before, to_before), (after, to_after))
        ]
        along = cv2.addWeighted(moved[0], 1 - t, moved[1], t, 0)
        if not self._all_trusted:
            trust = _enlarged(self._trust, top, rows.shape, plane.shape)
            across = cv2.addWeighted(before[top : top + STRIP], 1 - t, after[top : top + STRIP], t, 0)
            along = cv2.blendLinear(along, across, trust, 1 - trust)
        np.copyto(rows, along)


def _agreement(forth: Field, back: Field) -> NDArray[np.float32]:
    """Where motion there and back comes out at the place it left: 1, falling to 0 at the limit of Sundaram et al.

    |f + b'|^2 < 0.01 (|f|^2 + |b'|^2) + 0.5, in pixels of the field (Sundaram, Brox, Keutzer, ECCV 2010, eq. 5).
    """
    import cv2

    height, width = forth.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    returning = _moved(back, np.stack([x, y], axis=-1) + forth, cv2.INTER_LINEAR)
    missed = ((forth + returning) ** 2).sum(axis=-1)
    limit = 0.01 * ((forth**2).sum(axis=-1) + (returning**2).sum(axis=-1)) + 0.5
    trust = np.clip(2.0 - 2.0 * missed / limit, 0.0, 1.0).astype(np.float32)
    return np.asarray(cv2.blur(trust, (7, 7)), np.float32)


_Samples = TypeVar("_Samples", Plane, Field)


def _moved(source: _Samples, places: Field, kernel: int) -> _Samples:
    """`source` sampled at `places`, its edge repeated outside."""
    import cv2

    moved = cv2.remap(source, places[..., 0], places[..., 1], kernel, borderMode=cv2.BORDER_REPLICATE)
    return cast("_Samples", moved)


def _places(field: Field, top: int, shape: tuple[int, ...], whole: tuple[int, ...]) -> Field:
    """Where the pixels of some rows of a plane come from, in that plane's pixels."""
    places = _enlarged(field, top, shape, whole)
    places *= whole[1] / field.shape[1]
    places[..., 0] += np.arange(shape[1], dtype=np.float32)
    places[..., 1] += np.arange(top, top + shape[0], dtype=np.float32)[:, None]
    return places


def _enlarged(grid: Field, top: int, shape: tuple[int, ...], whole: tuple[int, ...]) -> Field:
    """Rows from `top` on of a coarse grid laid over a plane of shape `whole`."""
    import cv2

    x, y = grid.shape[1] / whole[1], grid.shape[0] / whole[0]
    matrix = np.array([[x, 0.0, x / 2 - 0.5], [0.0, y, (top + 0.5) * y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    return np.asarray(cv2.warpAffine(grid, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
