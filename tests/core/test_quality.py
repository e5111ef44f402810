"""What measurements mean: limits, duplicates, rank."""

import base64
import math
import random

import pytest

from property_video.core.photo import Look
from property_video.core.quality import (
    CROPPED_FEATURE,
    CROPPED_PICTURE,
    SAME_PICTURE,
    hamming,
    is_blown,
    is_blurred,
    is_dark,
    is_soft,
    is_tilted,
    near_duplicates,
    quality,
)

GOOD = Look(sharpness=0.58, p50=150, p95=210, blown=0.01, dhash="0" * 64)


def but(**changes: object) -> Look:
    return GOOD.model_copy(update=changes)


def hash_with(bits: int) -> str:
    return f"{(1 << bits) - 1:064x}"


def test_a_good_picture_has_no_flaw():
    assert not (is_blurred(GOOD) or is_soft(GOOD) or is_dark(GOOD) or is_blown(GOOD))


@pytest.mark.parametrize(
    ("look", "blurred", "soft", "dark", "blown"),
    [
        (but(sharpness=0.29), True, True, False, False),
        (but(sharpness=0.31), False, True, False, False),
        (but(sharpness=0.41), False, False, False, False),
        (but(p95=139), False, False, True, False),
        (but(p50=44), False, False, True, False),
        (but(p50=109, p95=168), False, False, False, False),
        (but(blown=0.21), False, False, False, True),
    ],
)
def test_each_flaw_has_its_limit(look, blurred, soft, dark, blown):
    assert (is_blurred(look), is_soft(look), is_dark(look), is_blown(look)) == (blurred, soft, dark, blown)


def test_hamming_counts_bits():
    assert hamming("0" * 64, "0" * 64) == 0
    assert hamming("0" * 64, "f" * 64) == 256
    assert hamming(hash_with(7), "0" * 64) == 7


def test_near_duplicates_are_grouped_in_order_and_singles_are_left_out():
    looks = [but(dhash=hash_with(bits)) for bits in (0, 200, SAME_PICTURE, 100, 201)]
    assert near_duplicates(looks) == ((0, 2), (1, 4))
    assert near_duplicates([]) == ()


def test_a_drifting_series_does_not_become_one_picture():
    looks = [but(dhash=hash_with(bits)) for bits in (0, 30, 60, 90)]
    assert near_duplicates(looks) == ((0, 1), (2, 3))


def feature(degrees: float) -> str:
    """A feature; two of them are 1 - cos of the angle between them apart."""
    angle = math.radians(degrees)
    return base64.b64encode(bytes((round(255 * math.cos(angle)), round(255 * math.sin(angle))))).decode()


def test_a_cropped_picture_is_told_by_hash_and_feature_together_and_by_neither_alone():
    near, far = feature(20), feature(30)  # 0.06 and 0.13 from feature(0)
    assert 1 - math.cos(math.radians(20)) < CROPPED_FEATURE < 1 - math.cos(math.radians(30))
    first = but(feature=feature(0))
    assert near_duplicates([first, but(dhash=hash_with(CROPPED_PICTURE), feature=near)]) == ((0, 1),)
    assert near_duplicates([first, but(dhash=hash_with(CROPPED_PICTURE), feature=far)]) == ()
    assert near_duplicates([first, but(dhash=hash_with(CROPPED_PICTURE + 1), feature=near)]) == ()
    assert near_duplicates([GOOD, but(dhash=hash_with(CROPPED_PICTURE))]) == ()


@pytest.mark.parametrize(("roll", "tilted"), [(0, False), (2.4, False), (-2.4, False), (2.6, True), (-2.6, True)])
def test_a_tilt_to_either_side_is_told(roll, tilted):
    assert is_tilted(but(roll=roll)) == tilted


def test_quality_stays_between_zero_and_one():
    dice = random.Random(3)
    for _ in range(200):
        look = but(
            sharpness=dice.random(),
            p50=dice.uniform(0, 255),
            p95=dice.uniform(0, 255),
            blown=dice.random(),
            roll=dice.uniform(-12, 12),
            keystone=dice.uniform(-6, 6),
        )
        assert 0 <= quality(look) <= 1
    assert quality(but(sharpness=0, p50=0, blown=1, roll=-5, keystone=6)) == 0
    assert quality(but(sharpness=1, blown=0)) == pytest.approx(1)


@pytest.mark.parametrize(
    "worse",
    [
        {"sharpness": 0.4},
        {"p50": 70},
        {"blown": 0.15},
        {"roll": 2.0},
        {"roll": -2.0},
        {"keystone": 4},
        {"keystone": -4},
    ],
)
def test_each_measure_lowers_the_quality(worse):
    assert quality(but(**worse)) < quality(GOOD)
