import math
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from property_video.core.camera import Framing, Move, Shot, cover_share, ease, frame_views, parse_moves, staging
from property_video.core.errors import BadBrief
from property_video.core.film import FILM

MOVES = parse_moves(
    yaml.safe_load((Path(__file__).parents[2] / "property_video/storyboards/moves.yaml").read_text("utf-8"))
)
SIZES = [(1920, 1280), (1024, 768), (3072, 1728), (400, 360), (1000, 1000), (2880, 720), (853, 1280), (2048, 3072)]


def window(view, size):
    share_x, share_y = cover_share(size, FILM)
    return (
        view.x - share_x / view.zoom / 2,
        view.y - share_y / view.zoom / 2,
        view.x + share_x / view.zoom / 2,
        view.y + share_y / view.zoom / 2,
    )


def edge_speeds(views, size):
    """Pixels per second at the corners of the picture."""
    share_x, share_y = cover_share(size, FILM)
    for before, after in pairwise(views):
        pan_x = (after.x - before.x) / share_x * FILM.width * before.zoom
        pan_y = (after.y - before.y) / share_y * FILM.height * before.zoom
        grow = math.log(after.zoom / before.zoom)
        yield FILM.fps * (abs(pan_x) + FILM.width / 2 * abs(grow))
        yield FILM.fps * (abs(pan_y) + FILM.height / 2 * abs(grow))


def test_the_seven_moves_of_the_default_storyboard_exist():
    assert set(MOVES) == {"push_in", "truck_right", "truck_left", "dolly_in", "sweep", "breathe", "pull_back"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("frames", [45, 120, 300])
def test_every_window_lies_inside_the_photo_and_no_edge_runs_faster_than_sixty_pixels_a_second(name, size, frames):
    placed = size if staging(size, FILM) != "fill" else (FILM.width, FILM.height)
    for seed in range(6):
        views = frame_views(MOVES[name], frames, size, FILM, seed)
        assert len(views) == frames
        for view in views:
            left, top, right, bottom = window(view, placed)
            assert min(left, top) >= -1e-9
            assert max(right, bottom) <= 1 + 1e-9
        assert max(edge_speeds(views, placed)) <= 62


@pytest.mark.parametrize("name", MOVES)
def test_no_frame_of_a_move_stands_still(name):
    views = frame_views(MOVES[name], 120, (1920, 1280), FILM, seed=3)
    per_frame = [speed / FILM.fps for speed in edge_speeds(views, (1920, 1280))][::2]
    assert min(per_frame) > 0.03


def test_a_truck_to_the_right_moves_the_window_right_and_never_zooms():
    for seed in range(8):
        right = frame_views(MOVES["truck_right"], 120, (1920, 1280), FILM, seed)
        left = frame_views(MOVES["truck_left"], 120, (1920, 1280), FILM, seed)
        assert (right[-1].x - right[0].x) * FILM.width * right[0].zoom > 80
        assert left[-1].x < left[0].x
        assert {round(view.zoom, 9) for view in right} == {round(right[0].zoom, 9)}


def test_a_zoom_runs_at_a_constant_ratio_about_one_fixed_point():
    move = Move(name="m", title="M", start=Framing(zoom=1.0), end=Framing(zoom=1.2, x=0.05, y=-0.03), linear=1.0)
    size = (1920, 1080)
    views = frame_views(move, 61, size, FILM, seed=0)
    ratios = [after.zoom / before.zoom for before, after in pairwise(views)]
    assert max(ratios) - min(ratios) < 1e-12
    left = [window(view, size)[0] for view in views]
    width = [window(view, size)[2] - window(view, size)[0] for view in views]
    slope = (left[-1] - left[0]) / (width[-1] - width[0])
    assert all(abs(left[i] - left[0] - slope * (width[i] - width[0])) < 1e-12 for i in range(61))


def test_the_ease_starts_at_zero_ends_at_one_is_symmetric_and_peaks_below_a_smoothstep():
    steps = [ease(i / 1000) for i in range(1001)]
    assert steps[0] == 0
    assert steps[-1] == pytest.approx(1)
    assert all(after > before for before, after in pairwise(steps))
    assert all(steps[i] + steps[1000 - i] == pytest.approx(1) for i in range(501))
    speeds = [1000 * (after - before) for before, after in pairwise(steps)]
    assert 1.10 < max(speeds) < 1.22
    assert min(speeds) == pytest.approx(0.35, abs=0.01)
    assert max(abs(b - a) for a, b in pairwise(speeds)) < 0.02


def test_a_mirroring_move_goes_both_ways_over_seeds_and_the_same_seed_always_goes_the_same_way():
    directions = set()
    for seed in range(12):
        views = frame_views(MOVES["sweep"], 120, (1920, 1280), FILM, seed)
        assert views == frame_views(MOVES["sweep"], 120, (1920, 1280), FILM, seed)
        directions.add(views[-1].x > views[0].x)
    assert directions == {True, False}


def test_other_seeds_give_other_takes_of_the_same_move():
    takes = {tuple(frame_views(MOVES["push_in"], 10, (1920, 1280), FILM, seed)) for seed in range(20)}
    assert len(takes) == 20


def test_less_of_a_tall_photo_is_cut_at_the_bottom_when_the_anchor_is_lower():
    def bottom_cut(anchor_y):
        view = frame_views(MOVES["breathe"], 2, (1600, 1200), FILM, 0, anchor_y)[0]
        return 1 - window(view, (1600, 1200))[3]

    assert bottom_cut(0.40) < bottom_cut(0.47) < bottom_cut(0.60)
    assert bottom_cut(0.0) < 0.02


def test_a_shorter_scene_keeps_the_speed_of_the_move_by_a_shorter_path():
    def path(frames):
        views = frame_views(MOVES["truck_right"], frames, (1920, 1280), FILM, seed=5)
        return views[-1].x - views[0].x

    assert path(60) == pytest.approx(path(120) / 2, rel=1e-6)
    assert path(900) < 2 * path(120)


def test_a_portrait_wide_enough_is_shown_rising_and_a_narrow_one_stands_before_a_fill():
    assert staging((2048, 3072), FILM) == "pedestal"
    views = frame_views(MOVES["sweep"], 120, (2048, 3072), FILM, seed=0)
    assert views[-1].y < views[0].y
    assert views[-1].x == pytest.approx(views[0].x)
    assert staging((853, 1280), FILM) == "fill"
    assert frame_views(MOVES["sweep"], 120, (853, 1280), FILM, seed=0)[-1].zoom < 1.035
    assert staging((1000, 1000), FILM) == "cover"


def test_a_move_that_breaks_a_rule_is_refused_by_name():
    with pytest.raises(BadBrief, match="'spin'"):
        parse_moves({"spin": {"title": "Spin", "start": {"zoom": 1.0}, "end": {"zoom": 0.5}}})
    with pytest.raises(BadBrief, match="frozen"):
        parse_moves({"still": {"title": "Still", "start": {"zoom": 1.1}, "end": {"zoom": 1.1}}})
    with pytest.raises(BadBrief, match="'odd'"):
        parse_moves({"odd": ["push"]})


def test_a_shot_survives_its_json_form_exactly():
    shot = Shot(move=MOVES["sweep"], frames=120, seed=7, anchor_y=0.4)
    assert Shot.model_validate_json(shot.model_dump_json()) == shot
