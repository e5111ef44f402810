"""Matching: points that two photos have in common, and what they say about the two cameras.

Not here: what a match is good for (core/joins.py), and which pairs are worth matching (whoever asks).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.errors import BadPhoto
from property_video.core.joins import Match

SIDE: Final = 640
"""Pixels of the longer side on which points are looked for."""

POINTS: Final = 1200
"""ORB points a photo: 500 find 5 of the sample's 9 overlapping pairs, 800 find 6, 1200 all."""

RATIO: Final = 0.8
"""A match counts when its descriptors are this much closer than the second best (Lowe 2004)."""

EPIPOLAR_PX: Final = 1.5
ONE_MOVE_INLIERS: Final = 16
"""Matches within 1.5 px of their epipolar lines from which two views belong to one camera move. Different rooms of
one house have at most 13 (199 pairs of the sample, 216 of the Houses data set)."""

SIMILARITY_PX: Final = 6.0
"""Distance up to which a similarity explains a match, in pixels of an 800 px photo."""

MARK_PX: Final = 12.0
MARK_HEIGHT: Final = 0.16
MARK_WIDTH: Final = 0.35
"""An agency's logo lies in every photo at the same distance from the same corner: matches there say nothing. Without
this, different rooms reach 66 epipolar inliers instead of 13."""


@dataclass(frozen=True, slots=True)
class Features:
    """Points of one photo: `points` (n, 2) in pixels of a picture of `size` (width, height), `descriptors` (n, 32)."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    size: tuple[int, int]


def features(preview: Path) -> Features:
    """ORB points of a photo's preview (4 to 11 CPU ms).

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    import cv2

    grey = cv2.imread(str(preview), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise BadPhoto(f"{preview} cannot be decoded.", "Export it again as JPEG.")
    return features_of(np.asarray(grey, np.uint8))


def features_of(grey: NDArray[np.uint8]) -> Features:
    """ORB points of a grey picture of any size."""
    import cv2

    height, width = grey.shape
    shrink = min(1.0, SIDE / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    keypoints, descriptors = cv2.ORB.create(nfeatures=POINTS).detectAndCompute(small, None)
    points = np.array([point.pt for point in keypoints], np.float32).reshape(-1, 2)
    described = np.asarray(descriptors, np.uint8) if keypoints else np.empty((0, 32), np.uint8)
    return Features(points=points, descriptors=described, size=size)


def match_photos(a: Features, b: Features, first: str, last: str) -> Match:
    """Match two photos (about 25 CPU ms); the same features always give the same match."""
    import cv2

    points_a, points_b = _matched(a, b)
    count = len(points_a)
    if count < 8:
        return Match(first=first, last=last, matches=count)
    cv2.setRNGSeed(0)
    _, epipolar = cv2.findFundamentalMat(points_a, points_b, cv2.USAC_MAGSAC, EPIPOLAR_PX, 0.999, 10_000)
    one_move = epipolar is not None and int(epipolar.sum()) >= ONE_MOVE_INLIERS
    limit = SIMILARITY_PX * max(b.size) / 800
    cv2.setRNGSeed(0)
    found, inlying = cv2.estimateAffinePartial2D(
        points_a, points_b, method=cv2.RANSAC, ransacReprojThreshold=limit, maxIters=5000, confidence=0.999
    )
    similarity = np.asarray(found)
    if similarity.shape != (2, 3):
        return Match(first=first, last=last, matches=count, one_move=one_move)
    inliers = inlying.ravel().astype(bool)
    cells = (points_a[inliers] / np.array(a.size) * (8, 6)).astype(int)
    (m00, _, tx), (m10, _, ty) = similarity
    centre = similarity[:, :2] @ (np.array(a.size) / 2) + (tx, ty) - np.array(b.size) / 2
    return Match(
        first=first,
        last=last,
        matches=count,
        inliers=int(inliers.sum()),
        coverage=round(len({tuple(cell) for cell in cells}) / 48, 4),
        scale=round(float(np.hypot(m00, m10)) * max(a.size) / max(b.size), 6),
        rotation=round(float(np.degrees(np.arctan2(m10, m00))), 4),
        x=round(float(centre[0]) / max(b.size), 6),
        y=round(float(centre[1]) / max(b.size), 6),
        one_move=one_move,
    )


def _matched(a: Features, b: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points of both photos that are each other's best match and clearly so; watermarks left out. Each (n, 2)."""
    import cv2

    if len(a.points) < 2 or len(b.points) < 2:
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    back = {match.queryIdx: match.trainIdx for match in matcher.match(b.descriptors, a.descriptors)}
    kept = [
        (best.queryIdx, best.trainIdx)
        for best, second in matcher.knnMatch(a.descriptors, b.descriptors, k=2)
        if best.distance < RATIO * second.distance and back[best.trainIdx] == best.queryIdx
    ]
    pairs = np.array(kept, int).reshape(-1, 2)
    points_a, points_b = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    scene = ~_watermarks(points_a, points_b, a.size, b.size)
    return points_a[scene], points_b[scene]


def _watermarks(
    points_a: NDArray[np.float32], points_b: NDArray[np.float32], size_a: tuple[int, int], size_b: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which matches lie at the same place near the same corner."""
    marked = np.zeros(len(points_a), bool)
    band_a, band_b = (np.array(size) * (MARK_WIDTH, MARK_HEIGHT) for size in (size_a, size_b))
    for right, bottom in ((0, 0), (1, 0), (0, 1), (1, 1)):
        corner_a, corner_b = (np.array(size) * (right, bottom) for size in (size_a, size_b))
        from_a, from_b = points_a - corner_a, points_b - corner_b
        near = (np.abs(from_a) <= band_a).all(axis=1) & (np.abs(from_b) <= band_b).all(axis=1)
        marked |= near & (np.hypot(*(from_a - from_b).T) <= MARK_PX)
    return marked
