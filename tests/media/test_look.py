"""Measurements of pictures: what changes them and what does not."""

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
from property_video.media.look import dhash, look_at, sharpness
from property_video.media.read_photo import PREVIEW_QUALITY, prepare_photo

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
