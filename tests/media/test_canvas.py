import numpy as np
import pytest
from picture_kit import MOVES, PUSH, SMALL, room, save

from property_video.core.camera import Pose, Shot, film_shot
from property_video.core.errors import BadPhoto
from property_video.media.canvas import make_canvas, photo_size
from property_video.media.frames import Painter, showings
from property_video.media.measure_clip import reframed_luma, ssim
from property_video.media.resample import blank

ODD = [(640, 427), (400, 360), (500, 500), (1440, 360), (300, 450), (2048, 3072), (1001, 667), (3000, 2000)]


@pytest.mark.parametrize("size", ODD, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_painted_frame_equals_an_independent_lanczos_crop_whatever_the_photos_shape(tmp_path, size):
    photo = save(room(*size), tmp_path / "photo.jpg")
    shot = Shot(move=MOVES["sweep"], frames=30, seed=1, film=SMALL)
    painter, planes = Painter(photo, None, shot), blank(SMALL)
    (showing,) = showings(photo, None, shot)
    for number in (0, 29):
        painter.paint(number, planes)
        assert ssim(planes.y, reframed_luma(photo, showing.view(number), SMALL)) >= 0.98


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_colours_become_bt709_limited_range(tmp_path, rgb, yuv):
    photo = save(np.full((400, 600, 3), rgb, np.uint8), tmp_path / "plain.png")
    canvas = make_canvas(photo, film_shot(Shot(move=PUSH, frames=10, film=SMALL), [(600, 400)])[0].views, SMALL)
    for plane, level in zip((canvas.y, canvas.u, canvas.v), yuv, strict=True):
        assert abs(plane.astype(int) - level).max() <= 1


def test_chroma_samples_sit_where_h264_says(tmp_path):
    """On the left of two luma columns, between two luma rows; half a pixel off would colour every edge."""
    y, x = np.mgrid[0:360, 0:640] + 0.5
    wave = 60 * np.sin(2 * np.pi * x / 40) * np.sin(2 * np.pi * y / 48)
    photo = save(
        np.stack([128 + wave, 128 + 0 * wave, 128 - wave], axis=-1).round().astype(np.uint8), tmp_path / "p.png"
    )
    shot = Shot(move=PUSH, frames=10, film=SMALL, first=Pose(dusk=True))
    view, planes = film_shot(Shot(move=PUSH, frames=10, film=SMALL), [(640, 360)])[0].views[4], blank(SMALL)
    Painter(photo, None, shot).paint(4, planes)

    def off(siting_x, siting_y):
        rows, columns = np.mgrid[0:180, 0:320]
        px = view.x * 640 + (2 * columns + siting_x + 0.5 - 320) / view.zoom
        py = view.y * 360 + (2 * rows + siting_y + 0.5 - 180) / view.zoom
        red = 60 * np.sin(2 * np.pi * px / 40) * np.sin(2 * np.pi * py / 48)
        ideal = 128 + 224 / 255 * red * (0.5 + 0.0722 / 1.5748)
        return np.abs(planes.v - ideal)[20:-20, 20:-20].mean()

    assert off(0, 0.5) < 0.6
    assert off(0, 0.5) < min(off(0.5, 0.5), off(-0.5, 0.5), off(0, 0), off(0, 1)) / 2


def test_a_canvas_covers_only_what_the_shot_shows(tmp_path):
    photo = save(room(2880, 720), tmp_path / "panorama.jpg")
    canvas = make_canvas(photo, film_shot(Shot(move=PUSH, frames=30, film=SMALL), [(2880, 720)])[0].views, SMALL)
    assert canvas.y.shape[1] < 2.4 * SMALL.width
    assert canvas.u.shape == canvas.v.shape
    assert canvas.u.shape[0] >= SMALL.height // 2 and canvas.u.shape[1] >= SMALL.width // 2


def test_a_large_photo_is_band_limited_and_does_not_sparkle(tmp_path):
    rng = np.random.default_rng(0)
    noise = np.repeat(rng.choice([0, 255], (1728, 3072, 1)).astype(np.uint8), 3, axis=2)
    shot = Shot(move=PUSH, frames=10, film=SMALL)
    planes = blank(SMALL)
    Painter(save(noise, tmp_path / "noise.png"), None, shot).paint(0, planes)
    # 4.7 photo pixels a film pixel each way leave about a fifth of the noise's deviation of 110 levels.
    assert planes.y.std() < 40


def test_a_file_that_is_no_picture_is_refused_with_its_name_and_a_remedy(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(BadPhoto, match=r"broken\.jpg.*Export"):
        photo_size(broken)
    whole = save(room(640, 427), tmp_path / "whole.jpg").read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    assert photo_size(broken) == (640, 427)
    with pytest.raises(BadPhoto, match=r"broken\.jpg.*Export"):
        make_canvas(broken, film_shot(Shot(move=PUSH, frames=10, film=SMALL), [(640, 427)])[0].views, SMALL)
