import io

import numpy as np
import pytest
from picture_kit import MOVES, SMALL, room, save
from PIL import Image

from property_video.core.camera import Shot
from property_video.core.errors import BadOutput, BadPhoto
from property_video.media.canvas import photo_size
from property_video.media.pictures import INLINE_BYTES, contact_sheet, frames_at, small_sheet, strip, thumbnail
from property_video.media.render import render_clip


def test_a_thumbnail_is_small_even_of_a_noisy_photo(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (800, 1200, 3)).astype(np.uint8)
    for picture in (noise, save(room(1200, 800), tmp_path / "p.jpg")):
        jpeg = thumbnail(picture, 320)
        assert len(jpeg) < INLINE_BYTES
        assert Image.open(io.BytesIO(jpeg)).format == "JPEG"
    assert Image.open(io.BytesIO(jpeg)).size == (320, 213)


def test_a_strip_shows_its_pictures_side_by_side(tmp_path):
    jpeg = strip([room(640, 360, seed) for seed in (1, 2, 3)], 600)
    image = Image.open(io.BytesIO(jpeg))
    assert len(jpeg) < INLINE_BYTES
    assert image.width == 600
    assert image.height == pytest.approx(111, abs=2)


def test_a_small_sheet_of_many_photos_still_fits_the_ui():
    jpeg = small_sheet([room(600, 400, seed) for seed in range(14)], columns=4)
    assert len(jpeg) < INLINE_BYTES
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.width <= 720
        assert image.height > image.width / 2


def test_a_contact_sheet_has_a_cell_for_every_picture_and_survives_long_captions(tmp_path):
    items = [(room(300, 450, n), "A very long caption " * 8) for n in range(5)]
    contact_sheet(items, 3, tmp_path / "sheet.jpg", cell_width=200)
    assert photo_size(tmp_path / "sheet.jpg") == (12 + 3 * 212, 12 + 2 * (112 + 34 + 12))


def test_frames_come_by_number_in_the_order_asked_for(tmp_path):
    photo = save(room(960, 640), tmp_path / "p.jpg")
    clip = tmp_path / "clip.mp4"
    render_clip(photo, None, Shot(move=MOVES["sweep"], frames=90, film=SMALL), clip)
    last, first, again = frames_at(clip, [89, 0, 89])
    assert first.shape == (360, 640, 3)
    assert np.array_equal(last, again)
    assert not np.array_equal(first, last)
    with pytest.raises(BadOutput, match="no frame 90"):
        frames_at(clip, [0, 90])


def test_a_broken_picture_is_refused_by_name(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8nothing")
    with pytest.raises(BadPhoto, match=r"broken\.jpg"):
        thumbnail(broken, 100)
