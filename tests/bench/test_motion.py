"""Motion error: what is read from frames whose camera is known."""

import numpy as np
import pytest
from PIL import Image

from property_video.bench.motion import motion_error, moving, nominal, video_error, write_texture
from property_video.core.camera import View
from property_video.core.film import FilmFormat
from property_video.media.render import render_clip

FILM = FilmFormat(width=640, height=360, fps=30, keyint=60)


@pytest.fixture(scope="module")
def texture(tmp_path_factory):
    file = tmp_path_factory.mktemp("texture") / "texture.png"
    write_texture(file, FILM)
    return file


def seen(texture, view: View) -> np.ndarray:
    """Luma of the texture through one window, resampled by Pillow's Lanczos."""
    half_x, half_y = FILM.width / view.zoom / 2, FILM.height / view.zoom / 2
    x, y = view.x * FILM.width, view.y * FILM.height
    box = (x - half_x, y - half_y, x + half_x, y + half_y)
    grey = Image.open(texture).convert("L")
    return np.asarray(grey.resize((FILM.width, FILM.height), Image.Resampling.LANCZOS, box=box), float)


def shifted(view: View, pixels: float) -> View:
    return view.model_copy(update={"x": view.x + pixels / view.zoom / FILM.width})


@pytest.mark.parametrize("move", ["push", "truck"])
def test_a_perfect_camera_has_no_error(texture, move):
    views = nominal(moving(move, 8, FILM))
    assert motion_error([seen(texture, view) for view in views], views, FILM) < 0.01


def test_a_jitter_is_found_at_its_size(texture):
    views = nominal(moving("push", 8, FILM))
    frames = [seen(texture, shifted(view, 0.3 * (-1) ** number)) for number, view in enumerate(views)]
    assert motion_error(frames, views, FILM) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_aiming_elsewhere_and_other_brightness_are_no_jitter(texture):
    views = nominal(moving("truck", 8, FILM))
    frames = [0.8 * seen(texture, shifted(view, 0.7)) + 20 for view in views]
    assert motion_error(frames, views, FILM) < 0.01


@pytest.mark.parametrize("move", ["push", "truck"])
def test_the_renderer_is_smooth(texture, tmp_path, move):
    shot = moving(move, 30, FILM)
    render_clip(texture, None, shot, tmp_path / "clip.mp4")
    assert video_error(tmp_path / "clip.mp4", shot) < 0.05
