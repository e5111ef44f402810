"""Whether fine texture stays itself while the camera moves: temporal aliasing on zone plates."""

import numpy as np
import pytest
from picture_kit import MOVES, SMALL, save

from property_video.core.camera import Pose, Shot
from property_video.media.frames import Painter, showings
from property_video.media.resample import blank

NUMBERS = range(40, 64, 2)


def zone_plate(width: int, height: int, finest: float) -> np.ndarray:
    """Rings whose frequency grows to `finest` cycles a pixel at the left and right edges; (height, width, 3) RGB."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x + 0.5 - width / 2, y + 0.5 - height / 2
    rings = 128 + 90 * np.cos(2 * np.pi * finest / width * (x * x + y * y))
    return np.repeat(rings.round().astype(np.uint8)[..., None], 3, axis=2)


def trucked(photo) -> tuple[np.ndarray, list[float]]:
    """Luma of frames along a truck, (n, height, width), and how far right each looks, in film pixels."""
    shot = Shot(move=MOVES["truck_right"], frames=120, film=SMALL, first=Pose(dusk=True))
    (showing,) = showings(photo, None, shot)
    painter, planes, frames = Painter(photo, None, shot), blank(SMALL), []
    for number in NUMBERS:
        painter.paint(number, planes)
        frames.append(planes.y.astype(float))
    return np.array(frames), [showing.view(n).x * showing.view(n).zoom * SMALL.width for n in NUMBERS]


def put_back(frames: np.ndarray, travelled: list[float]) -> np.ndarray:
    """Frames moved back by exact Fourier shifts, so that a still scene stands still; without the edges."""
    frequencies = np.fft.fftfreq(frames.shape[2])
    back = [
        np.fft.ifft(np.fft.fft(frame, axis=1) * np.exp(-2j * np.pi * frequencies * (x - travelled[0])), axis=1).real
        for frame, x in zip(frames, travelled, strict=True)
    ]
    return np.array(back)[:, 30:-30, 40:-40]


def test_texture_up_to_three_quarters_of_the_finest_does_not_shimmer(tmp_path):
    photo = save(zone_plate(640, 360, finest=0.41), tmp_path / "rings.png")
    still = put_back(*trucked(photo))
    contrast = still.mean(axis=0).std()
    assert contrast > 45
    # Ours 1.1 levels; bilinear sampling of the photo itself 2.9, bicubic 1.3, Lanczos 0.6, rounding alone 0.3.
    assert still.std(axis=0).mean() < 1.4
    detail = np.diff(still, axis=2).std(axis=(1, 2))
    assert detail.std() / detail.mean() < 0.01


@pytest.mark.parametrize("times", [2, 4])
def test_texture_finer_than_the_film_can_show_becomes_grey_instead_of_false_rings(tmp_path, times):
    photo = save(zone_plate(640 * times, 360 * times, finest=0.5), tmp_path / "rings.png")
    frames, _ = trucked(photo)
    # In the film the rings pass its finest frequency at 1/times of the way from the middle to the edge.
    beyond = frames[:, 150:210, : round(320 * (1 - 1.45 / times))]
    assert beyond.shape[2] > 60
    assert beyond.std() < 4
    assert frames[:, 150:210, 300:340].std() > 30
