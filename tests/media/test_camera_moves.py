"""Where decoded frames really look, against the ideal path, by least squares on an analytic texture."""

from pathlib import Path

import numpy as np
import pytest
from picture_kit import MOVES, save

from property_video.core.camera import Shot, cover_share, film_shot
from property_video.core.film import FILM
from property_video.media.frames import Painter
from property_video.media.pictures import frames_at
from property_video.media.render import render_clip
from property_video.media.resample import blank

SIZE = (1920, 1280)
RNG = np.random.default_rng(11)
WAVES = [(2 * np.pi / RNG.uniform(10, 60), RNG.uniform(0, 2 * np.pi), RNG.uniform(0, 2 * np.pi)) for _ in range(24)]


def texture(x, y):
    """Value and gradient of the texture at photo coordinates (pixel centres at half numbers)."""
    value = slope_x = slope_y = 0.0
    for k, angle, phase in WAVES:
        kx, ky = k * np.cos(angle), k * np.sin(angle)
        argument = kx * x + ky * y + phase
        value = value + np.sin(argument)
        cosine = np.cos(argument)
        slope_x, slope_y = slope_x + kx * cosine, slope_y + ky * cosine
    return value, slope_x, slope_y


@pytest.fixture(scope="module")
def textured(tmp_path_factory) -> Path:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    value, _, _ = texture(x, y)
    grey = np.clip(128 + 60 / np.sqrt(24) * value, 0, 255).round().astype(np.uint8)
    return save(np.repeat(grey[..., None], 3, axis=2), tmp_path_factory.mktemp("texture") / "texture.png")


def deviation(luma, view):
    """Distance in film pixels between where three windows of a frame look and where the view says, as (3, 2)."""
    share_x, share_y = cover_share(SIZE, FILM)
    step_x, step_y = share_x * SIZE[0] / view.zoom / FILM.width, share_y * SIZE[1] / view.zoom / FILM.height
    found = []
    for left, top in ((150, 120), (850, 450), (1600, 800)):
        rows, columns = np.mgrid[top : top + 100, left : left + 100]
        x = view.x * SIZE[0] + (columns + 0.5 - FILM.width / 2) * step_x
        y = view.y * SIZE[1] + (rows + 0.5 - FILM.height / 2) * step_y
        seen = luma[top : top + 100, left : left + 100].astype(float).ravel()
        dx = dy = 0.0
        for _ in range(2):
            value, slope_x, slope_y = (plane.ravel() for plane in texture(x + dx, y + dy))
            system = np.stack([value, slope_x, slope_y, np.ones_like(value)], axis=1)
            gain, gain_dx, gain_dy, _ = np.linalg.lstsq(system, seen, rcond=None)[0]
            dx, dy = dx + gain_dx / gain, dy + gain_dy / gain
        found.append((dx / step_x, dy / step_y))
    return np.array(found)


@pytest.mark.parametrize("name", ["push_in", "truck_right", "breathe"])
def test_frames_as_painted_look_within_a_hundredth_of_a_pixel_of_the_ideal_path(textured, name):
    shot = Shot(move=MOVES[name], frames=120, seed=2)
    views = film_shot(shot, [SIZE])[0].views
    painter, planes = Painter(textured, None, shot), blank(FILM)
    off = []
    for number in (0, 1, 13, 37, 60, 84, 118, 119):
        painter.paint(number, planes)
        off.append(deviation(planes.y, views[number]))
    assert np.sqrt(np.mean(np.square(off))) <= 0.008
    assert np.abs(off).max() <= 0.02


@pytest.mark.parametrize("name", ["push_in", "truck_left"])
def test_decoded_frames_keep_to_the_ideal_path_within_a_twentieth_of_a_pixel(textured, tmp_path, name):
    shot = Shot(move=MOVES[name], frames=60, seed=4)
    views = film_shot(shot, [SIZE])[0].views
    render_clip(textured, None, shot, tmp_path / "clip.mp4")
    numbers = list(range(0, 60, 6))
    frames = frames_at(tmp_path / "clip.mp4", numbers)
    off = [deviation(frame[..., 1], views[number]) for number, frame in zip(numbers, frames, strict=True)]
    assert np.sqrt(np.mean(np.square(off))) <= 0.05
    assert np.abs(off).max() <= 0.15
