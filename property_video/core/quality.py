"""What measurements of a picture mean: blurred, dark, blown out, the same picture again, better than another.

Limits are measured on 200 photos of houses and on the sample listing (photos.md, sections 3 and 4).
Not here: measuring (media/look.py), and what follows for a photo (analysis.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from property_video.core.photo import Look

BLURRED_BELOW: Final = 0.30
"""Sharpness. Finds 99 % of defocus by 1.5 px and 69 % of 5-pixel smears at 1024 px; 0.5 % false alarms."""

SOFT_BELOW: Final = 0.40
"""Sharpness. Finds 81 % of defocus by 1 px and 99 % of 5-pixel smears; 3.5 % false alarms, hence only a lower rank."""

DARK_P95_BELOW: Final = 140.0
DARK_P50_BELOW: Final = 45.0
"""Grey levels. Together they find 64 % of photos 1.5 EV too dark and all 2 EV too dark, no false alarm; dusk passes."""

BLOWN_ABOVE: Final = 0.20
"""Share of white pixels. Finds 56 % of photos 1.5 EV too bright; 1 % false alarms."""

SAME_PICTURE: Final = 30
"""Bits of 256 in which two hashes of one picture differ at most: recompressed and resized copies always (7 at the
95th percentile), and none of 2.29 million pairs of different photos."""

_SHARP: Final = 0.60
_BRIGHT: Final = 130.0
_WEIGHTS: Final = (0.40, 0.35, 0.25)


def is_blurred(look: "Look") -> bool:
    """Whether the picture is left out when another one shows the room."""
    return look.sharpness < BLURRED_BELOW


def is_soft(look: "Look") -> bool:
    """Whether the picture is less sharp than photos usually are."""
    return look.sharpness < SOFT_BELOW


def is_dark(look: "Look") -> bool:
    """Whether the picture is under-exposed."""
    return look.p95 < DARK_P95_BELOW or look.p50 < DARK_P50_BELOW


def is_blown(look: "Look") -> bool:
    """Whether too much of the picture is plain white."""
    return look.blown > BLOWN_ABOVE


def hamming(a: str, b: str) -> int:
    """The number of bits in which two hashes of equal length differ, each in hexadecimal digits."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def near_duplicates(looks: Sequence["Look"]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more photos that are one picture, as indices into `looks`, in order.

    Each photo is compared with the first of a group only: in a series that drifts, the last picture may be another
    one than the first.
    """
    groups: list[list[int]] = []
    for index, look in enumerate(looks):
        for group in groups:
            if hamming(looks[group[0]].dhash, look.dhash) <= SAME_PICTURE:
                group.append(index)
                break
        else:
            groups.append([index])
    return tuple(tuple(group) for group in groups if len(group) > 1)


def quality(look: "Look") -> float:
    """How good a picture is among others of its room, 0..1: sharp, bright, not blown out.

    Each part is 0 at the limit where a picture counts as flawed and 1 where more of it is no better. The weights
    follow the rank correlation of each measure with house prices, a stand-in for professional photography:
    sharpness 0.25, brightness 0.22, white share -0.14 (means of kitchens and bedrooms, photos.md, section 3).
    """
    sharp = _ramp(look.sharpness, BLURRED_BELOW, _SHARP)
    bright = _ramp(look.p50, DARK_P50_BELOW, _BRIGHT)
    whole = 1.0 - _ramp(look.blown, 0.0, BLOWN_ABOVE)
    return sum(weight * part for weight, part in zip(_WEIGHTS, (sharp, bright, whole), strict=True))


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
