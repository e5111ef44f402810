"""Matching on invented scenes whose geometry is known."""

from pathlib import Path

import numpy as np
import pytest
from picture_kit import room, save

from property_video.core.errors import BadPhoto
from property_video.media.match import Features, features, match_photos


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A picture with plenty of corners, larger than the photos cut from it."""
    import cv2

    rng = np.random.default_rng(4)
    picture = room(1600, 1200, seed=4)
    for _ in range(400):
        x, y, w, h = rng.integers(0, 1550), rng.integers(0, 1150), rng.integers(6, 40), rng.integers(6, 40)
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), rng.uniform(0, 255, 3).tolist(), -1)
    return picture


def cut(scene: np.ndarray, path: Path, centre=(800.0, 600.0), width=1000.0, turn=0.0, light=1.0) -> Features:
    """Features of a 960x640 photo that shows `width` pixels of the scene about `centre`, turned clockwise."""
    import cv2

    step, angle = width / 960, np.radians(turn)
    across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * step
    origin = np.array(centre) - across @ (479.5, 319.5)
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    photo = cv2.warpAffine(scene, np.column_stack([across, origin]), (960, 640), flags=flags)
    return features(save((photo * light).astype(np.uint8), path))


def test_the_similarity_between_two_views_comes_back_in_units_of_the_longer_side(scene, tmp_path):
    a = cut(scene, tmp_path / "a.jpg")
    b = cut(scene, tmp_path / "b.jpg", centre=(780.0, 630.0), width=1000 / 1.1, turn=0.8, light=0.6)
    match = match_photos(a, b, "a.jpg", "b.jpg")
    assert match.one_move
    assert match.inliers >= 60 and match.inliers / match.matches > 0.6
    assert match.coverage > 0.4
    assert match.scale == pytest.approx(1.1, abs=0.01)
    assert match.rotation == pytest.approx(0.8, abs=0.15)
    # What lies in the middle of the first photo lies right of the middle of the last, and above it.
    assert (match.x, match.y) == pytest.approx((20 * 1.1 / 1000, -30 * 1.1 / 1000), abs=0.003)


def test_photos_of_different_places_do_not_match(scene, tmp_path):
    a = cut(scene, tmp_path / "a.jpg", centre=(400.0, 300.0), width=600)
    b = cut(scene, tmp_path / "b.jpg", centre=(1200.0, 900.0), width=600)
    match = match_photos(a, b, "a.jpg", "b.jpg")
    assert not match.one_move
    assert match.inliers < 12


def test_a_logo_in_the_same_corner_is_no_match(scene, tmp_path):
    import cv2

    def branded(path, centre):
        cut(scene, path, centre=centre, width=600)
        photo = cv2.imread(str(path))
        rng = np.random.default_rng(9)
        logo = np.kron(rng.choice([0, 255], (12, 40, 1)), np.ones((6, 6, 3))).astype(np.uint8)
        photo[-80:-8, -250:-10] = logo
        cv2.imwrite(str(path), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
        return features(path)

    a, b = branded(tmp_path / "a.jpg", (400.0, 300.0)), branded(tmp_path / "b.jpg", (1200.0, 900.0))
    match = match_photos(a, b, "a.jpg", "b.jpg")
    assert not match.one_move
    assert match.inliers < 12


def test_the_same_photos_always_give_the_same_match(scene, tmp_path):
    a, b = cut(scene, tmp_path / "a.jpg"), cut(scene, tmp_path / "b.jpg", centre=(850.0, 640.0), turn=2.0)
    assert match_photos(a, b, "a.jpg", "b.jpg") == match_photos(a, b, "a.jpg", "b.jpg")


def test_a_photo_without_any_detail_matches_nothing(scene, tmp_path):
    a = cut(scene, tmp_path / "a.jpg")
    blank = features(save(np.full((640, 960, 3), 128, np.uint8), tmp_path / "blank.png"))
    assert (len(blank.points), blank.descriptors.shape) == (0, (0, 32))
    assert match_photos(a, blank, "a.jpg", "blank.png").matches == 0
    assert match_photos(blank, a, "blank.png", "a.jpg").matches == 0


def test_a_preview_that_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    with pytest.raises(BadPhoto, match=r"broken\.jpg"):
        features(tmp_path / "broken.jpg")
