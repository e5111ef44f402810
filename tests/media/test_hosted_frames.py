"""What a hosted model gets of a scene: two pictures of one size, the shot's own first and last frame, and no more."""

import numpy as np
import pytest
from picture_kit import MOVES, room, save
from PIL import Image

from property_video.core.camera import Shot
from property_video.core.errors import BadPhoto
from property_video.media.hosted_frames import save_end_frames

SIZE = (640, 360)


def shot(move: str = "pull_back") -> Shot:
    return Shot(move=MOVES[move], frames=60, seed=3)


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.size == SIZE and image.format == "JPEG"
        assert not image.getexif() and "icc_profile" not in image.info
        return np.asarray(image.convert("RGB"), float)


def test_two_photos_of_different_shape_come_in_one_size(tmp_path):
    first, last = save(room(1500, 1000), tmp_path / "a.jpg"), save(room(900, 1200, seed=2), tmp_path / "b.jpg")
    save_end_frames(first, last, shot(), SIZE, tmp_path / "first.jpg", tmp_path / "last.jpg")
    begin, end = pixels(tmp_path / "first.jpg"), pixels(tmp_path / "last.jpg")
    assert np.abs(begin - end).mean() > 10


def test_they_are_the_frames_that_the_embedded_clip_begins_and_ends_on(tmp_path):
    import av

    from property_video.core.film import FilmFormat
    from property_video.media.render import render_clip

    first, last = save(room(1500, 1000), tmp_path / "a.jpg"), save(room(1600, 1000, seed=2), tmp_path / "b.jpg")
    save_end_frames(first, last, shot(), SIZE, tmp_path / "first.jpg", tmp_path / "last.jpg")
    small = shot().model_copy(update={"film": FilmFormat(width=SIZE[0], height=SIZE[1])})
    render_clip(first, last, small, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    for frame, name in ((frames[0], "first.jpg"), (frames[-1], "last.jpg")):
        with Image.open(tmp_path / name) as image:
            assert np.abs(np.asarray(image.convert("L"), float) - frame).mean() < 6  # H.264, and its limited range


def test_one_photo_ends_on_the_end_of_the_move(tmp_path):
    photo = save(room(1500, 1000), tmp_path / "a.jpg")
    save_end_frames(photo, None, shot(), SIZE, tmp_path / "first.jpg", tmp_path / "last.jpg")
    begin, end = pixels(tmp_path / "first.jpg"), pixels(tmp_path / "last.jpg")
    assert 1 < np.abs(begin - end).mean() < 40


def test_a_photo_that_cannot_be_read_leaves_nothing(tmp_path):
    broken = tmp_path / "a.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(BadPhoto):
        save_end_frames(broken, None, shot(), SIZE, tmp_path / "first.jpg", tmp_path / "last.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
