"""Drawing a view: where its samples lie, whichever way they are taken."""

import numpy as np
import pytest
from picture_kit import SMALL, room, save

from property_video.core.camera import Pose, View
from property_video.media.canvas import Canvas, make_canvas
from property_video.media.enlarge import doubled
from property_video.media.resample import Planes, blank, draw

STEADY = [View(zoom=1.1, x=0.48 + 0.004 * number, y=0.51) for number in range(10)]
MOVING = [View(zoom=1.03 + 0.008 * number, x=0.5, y=0.5) for number in range(10)]


def wave(positions: np.ndarray, period: float) -> np.ndarray:
    return np.sin(2 * np.pi * positions / period)


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 128 + 50 * np.add.outer(wave(y, 37.0), wave(x, 29.0))


def wavy_canvas(chroma: int = 4) -> Canvas:
    """Waves known everywhere, on a plane of 1500 x 900 and on two with one `chroma`-th of the rows and columns."""

    def plane(shrunk: int) -> np.ndarray:
        x, y = ((np.arange(side // shrunk) + 0.5) * shrunk - 0.5 for side in (1500, 900))
        return np.round(waves(x, y)).astype(np.uint8)

    return Canvas(
        y=plane(1), u=plane(chroma), v=plane(chroma), scale_x=1500, scale_y=900, left=0, top=0, share=(1.0, 1.0)
    )


def shown(canvas: Canvas, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Canvas columns and rows of the film's pixels."""
    step_x, step_y, x, y = canvas.window(view, SMALL)
    return x + step_x * np.arange(SMALL.width), y + step_y * np.arange(SMALL.height)


@pytest.mark.parametrize("zoom", [1.05, 1.1, 1.21, 1.25, 1.5, 2.0])
def test_luma_is_sampled_where_the_window_says(zoom):
    canvas, planes = wavy_canvas(), blank(SMALL)
    for number in range(8):
        view = View(zoom=zoom, x=0.5 + 0.0031 * number, y=0.5 - 0.0017 * number)
        draw(canvas, view, SMALL, planes)
        ideal = waves(*shown(canvas, view))
        # A fiftieth of a pixel is 0.5 levels at the steepest; bilinear sampling takes 0.6 from the crests.
        assert np.abs(planes.y - ideal).max() < 2.0
        assert np.sqrt(np.mean((planes.y - ideal) ** 2)) < 0.6


@pytest.mark.parametrize("chroma", [2, 3, 4])
def test_chroma_is_sampled_left_of_two_columns_and_between_two_rows_whatever_its_planes_size(chroma):
    canvas, planes = wavy_canvas(chroma), blank(SMALL)
    view = View(zoom=1.08, x=0.503, y=0.494)
    x, y = shown(canvas, view)
    step = y[1] - y[0]
    draw(canvas, view, SMALL, planes)
    for plane in (planes.u, planes.v):
        error = np.sqrt(np.mean((plane - waves(x[::2], y[::2] + step / 2)) ** 2))
        assert error < 3.5
        assert np.sqrt(np.mean((plane - waves(x[::2] + step / 2, y[::2] + step / 2)) ** 2)) > 2 * error


@pytest.mark.parametrize("views", [STEADY, MOVING], ids=["steady", "moving"])
def test_frames_do_not_depend_on_how_their_canvas_was_made(tmp_path, views):
    """A canvas for a truck has the film's rows; with one more view, of another zoom, it has the photo's."""
    photo = save(room(1500, 1000), tmp_path / "photo.png")
    other = View(zoom=1.02, x=0.5, y=0.5)
    pose = Pose(dusk=True)
    for number in (0, 9):
        one, two = blank(SMALL), blank(SMALL)
        draw(make_canvas(photo, views, SMALL, pose), views[number], SMALL, one)
        draw(make_canvas(photo, [*views, other], SMALL, pose), views[number], SMALL, two)
        for a, b in zip(one, two, strict=True):
            assert np.sqrt(np.mean((a.astype(float) - b) ** 2)) < 1.2


def test_a_canvas_of_a_truck_is_half_as_large(tmp_path):
    photo = save(room(1500, 1000), tmp_path / "photo.png")
    steady = make_canvas(photo, STEADY, SMALL)
    moving = make_canvas(photo, [*STEADY, View(zoom=1.11, x=0.5, y=0.51)], SMALL)
    assert steady.y.shape[0] == SMALL.height
    assert steady.y.size < 0.6 * moving.y.size


def test_threads_do_not_draw_into_each_others_memory():
    from concurrent.futures import ThreadPoolExecutor

    canvas = wavy_canvas()

    def drawn(number: int) -> Planes:
        planes = blank(SMALL)
        draw(canvas, View(zoom=1.05 + 0.01 * number, x=0.5, y=0.5), SMALL, planes)
        return planes

    alone = [drawn(number) for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(drawn, range(12)))
    assert all(np.array_equal(a.y, b.y) for a, b in zip(alone, together, strict=True))


# -- a plane at twice its size


def test_a_doubled_plane_has_its_samples_a_quarter_of_a_pixel_either_side():
    x, y = np.arange(120) * 2 + 0.5, np.arange(80) * 2 + 0.5
    plane = np.round(waves(x, y)).astype(np.uint8)
    found = doubled(plane)[16:-16, 16:-16].astype(float)
    ideal = waves(np.arange(240), np.arange(160))[16:-16, 16:-16]
    # The prefilter raises waves of 30 samples by 0.8 %.
    assert np.abs(found - ideal).max() < 2.5
    assert abs(found.mean() - ideal.mean()) < 0.2


def test_a_plain_plane_stays_plain_to_its_edges():
    assert np.unique(doubled(np.full((40, 60), 177, np.uint8))).tolist() == [177]


def test_fine_detail_comes_through_drawing_undimmed():
    """Waves of 5 pixels, sampled bilinearly between doubled samples, keep their height within 4 %."""
    x = np.arange(400)
    plane = np.repeat(np.round(128 + 80 * wave(x, 5.0)).astype(np.uint8)[np.newaxis], 20, axis=0)
    line = doubled(plane)[20].astype(float)[20:-20]
    heights = [np.sqrt(2) * np.std(line[:-1] * (1 - part) + line[1:] * part) for part in (0.0, 0.25, 0.5, 0.75)]
    assert 77 < np.mean(heights) < 83
