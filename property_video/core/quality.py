"""What measurements of a picture mean: blurred, dark, blown out, tilted, the same picture again, better than another.

Limits are measured on 200 photos of houses and on the sample listing (photos.md, sections 3 and 4).
Not here: measuring (media/look.py), and what follows for a photo (analysis.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from property_video.core.room_model import distances

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

CROPPED_PICTURE: Final = 90
CROPPED_FEATURE: Final = 0.09
"""Bits and distance of features of one picture that was cropped by up to a tenth or made brighter by half a stop: 96 %
are found, and again none of 2.29 million. Neither says so alone: two views of one room have 0.096 and 111 bits."""

TILTED_ABOVE: Final = 2.5
"""Degrees: 5.5 % of photos of houses. Straightening them costs a tenth of the picture and more."""

_SHARP: Final = 0.60
_BRIGHT: Final = 130.0
_LEVEL, _SLANTED = 0.5, 3.0
_PARALLEL, _CONVERGING = 1.0, 6.0
_WEIGHTS: Final = (0.30, 0.22, 0.14, 0.17, 0.17)


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


def is_tilted(look: "Look") -> bool:
    """Whether the picture needs more than a slight turn to stand upright."""
    return abs(look.roll) > TILTED_ABOVE


def hamming(a: str, b: str) -> int:
    """The number of bits in which two hashes of equal length differ, each in hexadecimal digits."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def near_duplicates(looks: Sequence["Look"]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more photos that are one picture, as indices into `looks`, in order.

    Each photo is compared with the first of a group only: in a series that drifts, the last picture may be another
    one than the first.
    """
    apart = distances([look.feature for look in looks])
    groups: list[list[int]] = []
    for index, look in enumerate(looks):
        for group in groups:
            bits = hamming(looks[group[0]].dhash, look.dhash)
            alike = bits <= CROPPED_PICTURE and apart[group[0], index] < CROPPED_FEATURE
            if bits <= SAME_PICTURE or alike:
                group.append(index)
                break
        else:
            groups.append([index])
    return tuple(tuple(group) for group in groups if len(group) > 1)


def quality(look: "Look") -> float:
    """How good a picture is among others of its room, 0..1: sharp, bright, not blown out, upright.

    Each part is 0 at the limit where a picture counts as flawed and 1 where more of it is no better. The weights
    follow the rank correlation of each measure with house prices, a stand-in for professional photography: sharpness
    0.25, brightness 0.22, white share -0.14, roll -0.27, keystone -0.32 (means of kitchens and bedrooms, photos.md,
    section 3). Sharpness has a little more than that and the two angles less, because they can be corrected.
    Symmetry, clutter and centring agree with nothing and are left out.
    """
    parts = (
        _ramp(look.sharpness, BLURRED_BELOW, _SHARP),
        _ramp(look.p50, DARK_P50_BELOW, _BRIGHT),
        1.0 - _ramp(look.blown, 0.0, BLOWN_ABOVE),
        1.0 - _ramp(abs(look.roll), _LEVEL, _SLANTED),
        1.0 - _ramp(abs(look.keystone), _PARALLEL, _CONVERGING),
    )
    return sum(weight * part for weight, part in zip(_WEIGHTS, parts, strict=True))


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
