import numpy as np
import pytest
from picture_kit import room

from property_video.media.develop import MOST_BALANCE, correction, develop


def picture(level, cast=(1.0, 1.0, 1.0)):
    """A grey room about a level (0..255), under light of a colour."""
    rng = np.random.default_rng(2)
    grey = np.clip(level + rng.normal(0, 25, (160, 160, 1)), 0, 255)
    return np.clip(grey * np.array(cast), 0, 255).round().astype(np.uint8)


def developed(array, dusk=False):
    from PIL import Image

    return np.asarray(develop(Image.fromarray(array), dusk))


def test_a_dark_photo_gains_light_and_stays_darker_than_a_bright_one():
    medians = [float(np.median(developed(picture(level)))) for level in (60, 100, 150, 200)]
    assert medians == sorted(medians)
    assert medians[0] > 70
    assert 110 < medians[1] < 130
    assert abs(medians[2] - 150) < 6
    assert 190 < medians[3] <= 200


def test_black_stays_black_white_stays_white_and_no_two_levels_change_places():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(8, axis=0)
    dark = np.concatenate([ramp, np.full((200, 256, 3), 50, np.uint8)])
    out = developed(dark)[0].astype(int)
    assert (out[0] == 0).all() and (out[255] == 255).all()
    assert (np.diff(out, axis=0) >= 0).all()
    assert (out[250] < 255).all()


def test_a_colour_cast_is_eased_within_a_few_percent_and_warmth_is_kept():
    cast = (1.15, 1.0, 0.85)
    before, after = picture(130, cast), developed(picture(130, cast))

    def red_over_blue(array):
        mean = array.reshape(-1, 3).mean(axis=0)
        return mean[0] / mean[2]

    assert red_over_blue(after) < red_over_blue(before) - 0.02
    assert red_over_blue(after) > red_over_blue(before) * (1 - 3 * MOST_BALANCE)
    assert red_over_blue(after) > 1.1


def test_a_picture_without_grey_surfaces_keeps_its_colours():
    lawn = np.zeros((160, 160, 3), np.uint8) + np.array([60, 140, 40], np.uint8)
    exponents = correction(lawn)
    assert exponents[0] == exponents[1] == exponents[2]


def test_a_dusk_photo_is_left_as_it_is():
    night = picture(45, (0.7, 0.85, 1.2))
    assert (developed(night, dusk=True) == night).all()
    assert (developed(night) != night).any()


@pytest.mark.parametrize("level", [0, 255])
def test_a_plain_black_or_white_picture_is_developed_without_trouble(level):
    plain = np.full((50, 50, 3), level, np.uint8)
    assert (developed(plain) == plain).all()


def test_the_same_photo_is_always_developed_alike_whatever_its_size():
    from PIL import Image

    large = Image.fromarray(room(1200, 800))
    small = large.resize((300, 200), Image.Resampling.BOX)
    assert correction(np.asarray(large)) == pytest.approx(correction(np.asarray(small)), abs=0.02)
