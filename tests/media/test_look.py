"""Measurements of pictures: what changes them and what does not."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from property_video.core.errors import BadPhoto
from property_video.core.photo import Look
from property_video.core.quality import (
    SAME_PICTURE,
    hamming,
    is_blown,
    is_blurred,
    is_dark,
    is_soft,
    near_duplicates,
    quality,
)
from property_video.core.room_model import HEAD_ROOMS, ROOMS
from property_video.media.look import Eyes, dhash, look_at, pool_water, saliency, sharpness, tilt
from property_video.media.read_photo import PREVIEW_QUALITY, prepare_photo
from property_video.media.room_head import load_head, save_head

SAMPLE = Path(__file__).parents[2] / "property_video" / "sample"
TRUTH = Path(__file__).parents[1] / "data" / "villa_truth.yaml"


def interior(seed: int = 1, width: int = 1024, height: int = 683) -> np.ndarray:
    """Large shapes with hard edges at many angles over a soft gradient; (height, width, 3) RGB."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([100 + 90 * x / width, 130 + 50 * y / height, 150 - 60 * x / width], axis=-1).astype(np.uint8)
    for _ in range(60):
        centre = (int(dice.integers(0, width)), int(dice.integers(0, height)))
        size = (int(dice.integers(20, 160)), int(dice.integers(20, 120)))
        colour = [int(level) for level in dice.integers(40, 230, 3)]
        corners = cv2.boxPoints((centre, size, float(dice.uniform(0, 90)))).astype(np.int32)
        cv2.fillConvexPoly(picture, corners, colour, cv2.LINE_AA)
    return picture


def look(picture: np.ndarray, tmp_path: Path, quality: int = PREVIEW_QUALITY) -> Look:
    path = tmp_path / "preview.jpg"
    Image.fromarray(picture).save(path, quality=quality, subsampling=0)
    return look_at(path)


def smear(picture: np.ndarray, pixels: int, degrees: float) -> np.ndarray:
    line = np.zeros((2 * pixels + 1, 2 * pixels + 1), np.float32)
    reach = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * (pixels - 1) / 2
    ends = [tuple(round(v * 16) for v in pixels + sign * reach) for sign in (-1, 1)]
    cv2.line(line, *ends, 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(picture, -1, line / line.sum())


def exposed(picture: np.ndarray, stops: float) -> np.ndarray:
    return np.clip(((picture / 255.0) ** 2.2 * 2**stops) ** (1 / 2.2) * 255, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sharp_picture_is_neither_blurred_nor_soft(tmp_path, seed):
    assert not is_soft(look(interior(seed), tmp_path))


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135])
def test_camera_shake_in_any_direction_is_found(tmp_path, degrees):
    assert is_blurred(look(smear(interior(), 12, degrees), tmp_path))


def test_defocus_is_found_and_more_of_it_measures_less_sharp(tmp_path):
    measured = [look(cv2.GaussianBlur(interior(), (0, 0), sigma), tmp_path).sharpness for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert measured == sorted(measured, reverse=True)
    assert is_blurred(look(cv2.GaussianBlur(interior(), (0, 0), 2.0), tmp_path))


def test_a_picture_without_edges_is_not_sharp(tmp_path):
    assert sharpness(np.full((683, 1024), 128, np.uint8)) == 0


def test_under_exposure_is_found_and_good_exposure_is_not(tmp_path):
    assert not is_dark(look(interior(), tmp_path))
    assert is_dark(look(exposed(interior(), -3), tmp_path))


def test_white_pixels_are_counted(tmp_path):
    picture = interior()
    picture[:, :256] = 255
    measured = look(picture, tmp_path)
    assert measured.blown == pytest.approx(0.25, abs=0.01)
    assert is_blown(measured)
    assert not is_blown(look(interior(), tmp_path))


def test_grey_levels_are_levels_of_the_picture(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1024), (683, 1))[..., None].repeat(3, axis=2).astype(np.uint8)
    measured = look(ramp, tmp_path)
    assert measured.p50 == pytest.approx(127, abs=2)
    assert measured.p95 == pytest.approx(242, abs=2)


def test_the_hash_survives_recompression_and_resizing_and_tells_pictures_apart(tmp_path):
    picture = interior()
    original = look(picture, tmp_path)
    assert len(original.dhash) == 64
    assert hamming(original.dhash, look(picture, tmp_path, quality=40).dhash) <= 10
    half = cv2.resize(picture, (512, 342), interpolation=cv2.INTER_AREA)
    assert hamming(original.dhash, look(half, tmp_path).dhash) <= 10
    for seed in range(2, 8):
        assert hamming(original.dhash, look(interior(seed), tmp_path).dhash) > 2 * SAME_PICTURE


def test_a_hash_bit_says_that_its_right_neighbour_is_brighter():
    rising = np.tile(np.linspace(0, 255, 170).astype(np.uint8), (160, 1))
    assert dhash(rising) == "f" * 64
    assert dhash(rising[:, ::-1].copy()) == "0" * 64


def test_a_portrait_and_a_tiny_picture_are_measured(tmp_path):
    assert not is_soft(look(np.rot90(interior()).copy(), tmp_path))
    assert look(np.zeros((1, 1, 3), np.uint8), tmp_path).p95 < 5


@pytest.mark.parametrize("content", [b"", b"no jpeg"])
def test_a_damaged_preview_is_refused(tmp_path, content):
    (tmp_path / "preview.jpg").write_bytes(content)
    with pytest.raises(BadPhoto, match=r"preview\.jpg"):
        look_at(tmp_path / "preview.jpg")


def test_a_picture_is_judged_alike_from_a_large_original_and_from_a_turned_one(tmp_path):
    large = cv2.resize(interior(), (2048, 1366), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(large).save(tmp_path / "large.jpg", quality=95)
    Image.fromarray(np.rot90(large).copy()).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    looks = []
    for name in ("large", "turned"):
        prepare_photo(tmp_path / f"{name}.jpg", tmp_path / "w.jpg", tmp_path / "p.jpg")
        looks.append(look_at(tmp_path / "p.jpg"))
    assert looks[0].sharpness == pytest.approx(looks[1].sharpness, abs=0.03)
    assert hamming(looks[0].dhash, looks[1].dhash) <= 6


# --- tilt


def facade(roll: float = 0.0, keystone: float = 0.0, size: tuple[int, int] = (640, 427)) -> np.ndarray:
    """A house front of windows in three rows, its verticals leaning by `roll + keystone * x`; grey.

    Drawn twice as large, for smooth edges. Positive is clockwise as seen.
    """
    width, height = (2 * side for side in size)
    picture = np.full((height, width), 190, np.uint8)

    def leaning(x: float, y: float) -> list[int]:
        slope = np.tan(np.radians(roll + keystone * (x / width - 0.5)))
        return [round(x + (height / 2 - y) * slope), round(y)]

    for left in np.arange(0.08, 0.9, 0.12) * width:
        for top in (0.1, 0.4, 0.7):
            right, high, low = left + 0.06 * width, top * height, (top + 0.2) * height
            corners = [leaning(left, high), leaning(right, high), leaning(right, low), leaning(left, low)]
            cv2.fillConvexPoly(picture, np.array(corners, np.int32), 60, cv2.LINE_AA)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("roll", [-5.0, -2.0, -0.5, 0.0, 1.0, 3.0])
def test_the_roll_of_a_facade_is_recovered(roll):
    found, keystone = tilt(facade(roll))
    assert found == pytest.approx(roll, abs=0.15)
    assert keystone == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("roll", "keystone"), [(0.0, 4.0), (0.0, -4.0), (2.0, 3.0), (-1.5, -5.0)])
def test_converging_verticals_are_told_from_roll(roll, keystone):
    found = tilt(facade(roll, keystone))
    assert found == (pytest.approx(roll, abs=0.2), pytest.approx(keystone, abs=0.5))


def test_a_picture_that_was_turned_is_found_to_be_turned_as_far():
    level = facade()
    for degrees in (-3.0, 2.0):
        turn = cv2.getRotationMatrix2D((320, 213.5), -degrees, 1.15)  # OpenCV turns counter-clockwise
        turned = cv2.warpAffine(level, turn, (640, 427), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        assert tilt(turned)[0] == pytest.approx(degrees, abs=0.15)


def test_where_no_building_stands_no_tilt_is_told():
    assert tilt(np.full((427, 640), 128, np.uint8)) == (0.0, 0.0)
    assert tilt(np.random.default_rng(1).integers(0, 256, (427, 640), np.uint8)) == (0.0, 0.0)
    assert tilt(facade(keystone=9.0)) == (0.0, 0.0)


def test_a_tilted_facade_is_reported_in_its_look(tmp_path):
    found = look(np.repeat(facade(3.0)[..., None], 3, axis=2), tmp_path)
    assert found.roll == pytest.approx(3, abs=0.2)


# --- what catches the eye

NOWHERE = np.zeros((1, 1), np.float32)


def scene_with(x: float, y: float, width: int = 640, height: int = 427) -> np.ndarray:
    """A bright textured thing on a plain wall, its centre at these fractions; (height, width, 3) BGR."""
    picture = np.full((height, width, 3), 120, np.uint8)
    thing = np.kron(np.indices((6, 6)).sum(axis=0) % 2, np.ones((14, 14))).astype(np.uint8) * 200 + 50
    left, top = round(x * width) - 42, round(y * height) - 42
    picture[top : top + 84, left : left + 84] = thing[..., None]
    return picture


@pytest.mark.parametrize(("x", "y"), [(0.25, 0.3), (0.75, 0.3), (0.2, 0.7), (0.8, 0.75)])
def test_a_bright_thing_catches_the_eye(tmp_path, x, y):
    where = saliency(scene_with(x, y), NOWHERE)
    assert where.shape == (16, 16)
    assert (where.min() >= 0, where.max()) == (True, pytest.approx(1))
    row, column = np.unravel_index(where.argmax(), where.shape)
    assert ((column + 0.5) / 16, (row + 0.5) / 16) == (pytest.approx(x, abs=0.12), pytest.approx(y, abs=0.15))
    found = look(scene_with(x, y), tmp_path)
    assert (found.focus_x, found.focus_y) == (pytest.approx(x, abs=0.15), pytest.approx(y, abs=0.15))


def test_where_the_network_sees_the_room_counts():
    wall = np.full((427, 640, 3), 120, np.uint8)
    left = np.zeros((8, 8), np.float32)
    left[3:5, 1:3] = 1
    plain, drawn = saliency(wall, NOWHERE), saliency(wall, left)
    assert drawn[:, :8].sum() / drawn.sum() > 0.6
    assert plain[:, :8].sum() / plain.sum() == pytest.approx(0.5, abs=0.01)


def test_a_mirrored_picture_has_its_focus_mirrored(tmp_path):
    picture = scene_with(0.25, 0.4)
    one, other = look(picture, tmp_path), look(picture[:, ::-1].copy(), tmp_path)
    assert one.focus_x == pytest.approx(1 - other.focus_x, abs=0.05)


def test_a_plain_wall_has_its_focus_near_the_middle(tmp_path):
    found = look(np.full((427, 640, 3), 128, np.uint8), tmp_path)
    assert (found.focus_x, found.focus_y) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.56, abs=0.06))
    assert len(bytes.fromhex(found.saliency)) == 256


# --- pool water

SHALLOW, NIGHT, DRIVEWAY, LAWN = (190, 170, 60), (220, 215, 170), (140, 128, 120), (60, 140, 70)
"""Colours as BGR; a driveway in the shade is bluish grey."""


def yard(colour: tuple[int, int, int], left: float, top: float, wide: float, tall: float) -> np.ndarray:
    picture = np.full((427, 640, 3), LAWN, np.uint8)
    picture[:130] = (225, 190, 150)  # sky
    x, y = round(left * 640), round(top * 427)
    picture[y : y + round(tall * 427), x : x + round(wide * 640)] = colour
    return picture


@pytest.mark.parametrize("colour", [SHALLOW, NIGHT], ids=["by day", "lit at night"])
def test_the_share_of_pool_water_is_measured(colour):
    assert pool_water(yard(colour, 0.2, 0.6, 0.5, 0.2)) == pytest.approx(0.10, abs=0.01)


@pytest.mark.parametrize(
    "picture",
    [
        yard(LAWN, 0, 0.9, 1, 0.1),
        yard(DRIVEWAY, 0.2, 0.6, 0.5, 0.3),
        yard(SHALLOW, 0.4, 0.35, 0.1, 0.6),
        yard(SHALLOW, 0.1, 0.32, 0.8, 0.05),
    ],
    ids=["lawn and sky", "a driveway in the shade", "a blue door", "a strip far away"],
)
def test_what_is_blue_and_no_pool_is_not_taken_for_one(picture):
    assert pool_water(picture) == 0


# --- with the network


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes()


def test_a_look_with_eyes_has_what_only_the_network_tells_and_all_else_as_without(tmp_path, eyes):
    Image.fromarray(interior()).save(tmp_path / "p.jpg", quality=PREVIEW_QUALITY)
    blind, seeing = look_at(tmp_path / "p.jpg"), look_at(tmp_path / "p.jpg", eyes)
    assert (blind.rooms, blind.head, blind.feature, blind.dusk) == ((), (), "", 0)
    assert (len(seeing.rooms), len(seeing.head)) == (len(ROOMS), len(HEAD_ROOMS))
    assert sum(seeing.head) == pytest.approx(1, abs=1e-3)
    assert len(base64.b64decode(seeing.feature)) == 1280
    for name in ("sharpness", "p50", "p95", "blown", "dhash", "roll", "keystone", "pool"):
        assert getattr(seeing, name) == getattr(blind, name)


HEADS = {"DSC_0101": "exterior", "DSC_0107": "kitchen", "DSC_0111": "bedroom", "DSC_0115": "bathroom"}


def test_the_head_tells_the_four_rooms_it_was_trained_on(tmp_path, eyes):
    for name, room in HEADS.items():
        prepare_photo(SAMPLE / f"{name}.jpg", tmp_path / "w.jpg", tmp_path / "p.jpg")
        found = look_at(tmp_path / "p.jpg", eyes)
        assert found.head[HEAD_ROOMS.index(room)] > 0.8


def test_the_head_tells_dusk_from_day_of_one_spot(tmp_path, eyes):
    dusk = {}
    for name in ("DSC_0118", "DSC_0121"):
        prepare_photo(SAMPLE / f"{name}.jpg", tmp_path / "w.jpg", tmp_path / "p.jpg")
        dusk[name] = look_at(tmp_path / "p.jpg", eyes).dusk
    assert dusk["DSC_0121"] > dusk["DSC_0118"] + 0.2


def test_a_head_survives_its_file(tmp_path):
    head = load_head()
    save_head(head, tmp_path / "head.npz")
    assert (tmp_path / "head.npz").stat().st_size < 16_000
    again = load_head(tmp_path / "head.npz")
    assert all(np.array_equal(one, other) for one, other in zip(head, again, strict=True))
    feature = np.random.default_rng(4).random(1280).astype(np.float32)
    rooms, dusk = head.judge(feature)
    assert sum(rooms) == pytest.approx(1, abs=1e-3)
    assert 0 <= dusk <= 1
    assert head.judge(feature * 7) == (rooms, dusk)


# --- the sample


def test_the_sample_listing_is_judged_as_a_person_does(tmp_path):
    seen = yaml.safe_load(TRUTH.read_text("utf-8"))["photos"]
    looks = {}
    for name in sorted(seen):
        prepare_photo(SAMPLE / name, tmp_path / "w.jpg", tmp_path / "p.jpg")
        looks[name] = look_at(tmp_path / "p.jpg")
    flaws = {name: photo.get("flaw") for name, photo in seen.items()}
    for name, measured in looks.items():
        assert (is_blurred(measured), is_dark(measured)) == (flaws[name] == "blurred", flaws[name] == "under_exposed")
        assert is_soft(measured) == is_blurred(measured)
        assert not is_blown(measured)
    duplicates = [tuple(sorted(looks)[index] for index in group) for group in near_duplicates(list(looks.values()))]
    assert duplicates == [("DSC_0111.jpg", "DSC_0112.jpg")]
    worst = sorted(looks, key=lambda name: quality(looks[name]))[:2]
    assert {flaws[name] for name in worst} == {"blurred", "under_exposed"}
