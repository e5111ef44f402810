import math
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from property_video.core.camera import (
    Framing,
    Move,
    Pose,
    Shot,
    cover_share,
    dissolve_span,
    ease,
    film_shot,
    parse_moves,
    poses,
    upright_size,
)
from property_video.core.errors import BadBrief
from property_video.core.film import FILM
from property_video.core.joins import DISSOLVE, Join

MOVES = parse_moves(
    yaml.safe_load((Path(__file__).parents[2] / "property_video/storyboards/moves.yaml").read_text("utf-8"))
)
SIZES = [(1920, 1280), (1024, 768), (3072, 1728), (400, 360), (1000, 1000), (2880, 720), (853, 1280), (2048, 3072)]


def views_of(move, frames, size, seed=0, **pose):
    """The views of one photo alone in its shot."""
    shot = Shot(move=move, frames=frames, seed=seed, first=Pose(**pose))
    return film_shot(shot, [size])[0].views


def window(view, size):
    """Left, top, right, bottom in fractions of the photo."""
    share_x, share_y = cover_share(size, FILM)
    return (
        view.x - share_x / view.zoom / 2,
        view.y - share_y / view.zoom / 2,
        view.x + share_x / view.zoom / 2,
        view.y + share_y / view.zoom / 2,
    )


def inside(view, size):
    left, top, right, bottom = window(view, size)
    return min(left, top) >= -1e-9 and max(right, bottom) <= 1 + 1e-9


def screen_speeds(views, size):
    """Pixels per second across and down of the screen's middle, and at its edges by zooming alone, per frame."""
    share_x, share_y = cover_share(size, FILM)
    for before, after in pairwise(views):
        zoom = (before.zoom + after.zoom) / 2
        pan_x = (after.x - before.x) / share_x * FILM.width * zoom
        pan_y = (after.y - before.y) / share_y * FILM.height * zoom
        grow = math.log(after.zoom / before.zoom)
        yield FILM.fps * pan_x, FILM.fps * pan_y, FILM.fps * FILM.width / 2 * grow


def edge_speeds(views, size):
    """Pixels per second at the corners of the picture."""
    for across, down, grow in screen_speeds(views, size):
        yield abs(across) + abs(grow)
        yield abs(down) + abs(grow) * FILM.height / FILM.width


def test_the_seven_moves_of_the_default_storyboard_exist():
    assert set(MOVES) == {"push_in", "truck_right", "truck_left", "dolly_in", "sweep", "breathe", "pull_back"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("frames", [45, 120, 300])
def test_every_window_lies_inside_the_photo_and_no_edge_runs_faster_than_sixty_pixels_a_second(name, size, frames):
    for seed, (focus_x, focus_y, roll) in enumerate(
        [(0.5, 0.5, 0.0), (0.1, 0.9, 0.0), (0.8, 0.3, 2.0), (1.0, 0.0, -4.5)]
    ):
        views = views_of(MOVES[name], frames, size, seed, focus_x=focus_x, focus_y=focus_y, roll=roll)
        assert len(views) == frames
        placed = upright_size(size, roll)
        assert all(inside(view, placed) for view in views)
        assert max(edge_speeds(views, placed)) <= 64


@pytest.mark.parametrize("name", MOVES)
def test_no_frame_of_a_move_stands_still(name):
    views = views_of(MOVES[name], 120, (1920, 1280), seed=3)
    per_frame = [speed / FILM.fps for speed in edge_speeds(views, (1920, 1280))][::2]
    assert min(per_frame) > 0.03


def test_a_truck_to_the_right_moves_the_window_right_and_never_zooms():
    for seed in range(8):
        right = views_of(MOVES["truck_right"], 120, (1920, 1280), seed)
        left = views_of(MOVES["truck_left"], 120, (1920, 1280), seed)
        assert (right[-1].x - right[0].x) * FILM.width * right[0].zoom > 80
        assert left[-1].x < left[0].x
        assert {round(view.zoom, 9) for view in right} == {round(right[0].zoom, 9)}


def test_a_zoom_runs_at_a_constant_ratio_and_the_focus_stays_in_place_or_drifts_to_the_middle():
    move = Move(name="m", title="M", start=Framing(zoom=1.0), end=Framing(zoom=1.2), linear=1.0)
    size = (1920, 1080)
    centred = views_of(move, 61, size)
    ratios = [after.zoom / before.zoom for before, after in pairwise(centred)]
    assert max(ratios) - min(ratios) < 1e-12
    assert {(round(view.x, 12), round(view.y, 12)) for view in centred} == {(0.5, 0.5)}
    views = views_of(move, 61, size, focus_x=0.7, focus_y=0.4)
    on_screen = [((0.7 - view.x) * view.zoom, (0.4 - view.y) * view.zoom) for view in views]
    assert 0.15 < on_screen[-1][0] <= on_screen[0][0] == pytest.approx(0.2, abs=0.01)
    assert -0.12 < on_screen[0][1] <= on_screen[-1][1] < -0.07


@pytest.mark.parametrize("name", MOVES)
def test_both_photos_of_a_dissolve_move_alike_on_the_screen_whatever_their_shape_and_focus(name):
    sizes = [(1920, 1280), (1024, 768)]
    shot = Shot(
        move=MOVES[name], frames=120, seed=5, first=Pose(focus_x=0.2), last=Pose(focus_x=0.85, focus_y=0.7, roll=1.0)
    )
    first, last = film_shot(shot, sizes)
    begin, end = dissolve_span(shot)
    assert (first.begin, len(first.views), last.begin, len(last.views)) == (0, end, begin, 120 - begin)
    here = list(screen_speeds([first.view(n) for n in range(begin, end)], sizes[0]))
    there = list(screen_speeds([last.view(n) for n in range(begin, end)], upright_size(sizes[1], 1.0)))
    for a, b in zip(here, there, strict=True):
        assert a == pytest.approx(b, abs=0.35)


def test_a_photo_is_laid_under_the_path_so_that_its_focus_is_well_inside_the_frame():
    for focus in (0.1, 0.5, 0.9):
        views = views_of(MOVES["truck_right"], 120, (3000, 1500), focus_x=focus)
        left, _, right, _ = window(views[60], (3000, 1500))
        assert 0.05 < (focus - left) / (right - left) < 0.95
    low, high = (views_of(MOVES["push_in"], 120, (1600, 1600), focus_y=y)[60].y for y in (0.85, 0.15))
    assert low > 0.6 and high < 0.4


JOINED = Join(kind="aligned", scale=1.08, rotation=-0.4, x=0.02, y=0.03)


@pytest.mark.parametrize("name", MOVES)
def test_an_aligned_join_shows_the_same_part_of_the_scene_in_both_photos(name):
    size = (1920, 1280)
    shot = Shot(move=MOVES[name], frames=120, seed=1, join=JOINED, first=Pose(roll=0.6))
    first, last = film_shot(shot, [size, size])
    upright = [upright_size(size, pose.roll) for pose in poses(shot)]
    assert poses(shot)[1].roll == pytest.approx(0.2, abs=0.01)
    begin, end = dissolve_span(shot)
    turn = math.radians(-0.2)
    for frame in range(begin, end):
        corners = []
        for showing, (width, height) in zip((first, last), upright, strict=True):
            left, top, right, bottom = window(showing.view(frame), (width, height))
            corners.append(
                [((x - 0.5) * width / 1920, (y - 0.5) * height / 1920) for x in (left, right) for y in (top, bottom)]
            )
        for (x, y), there in zip(*corners, strict=True):
            mapped = (
                JOINED.scale * x + JOINED.x * math.cos(turn) - JOINED.y * math.sin(turn),
                JOINED.scale * y + JOINED.x * math.sin(turn) + JOINED.y * math.cos(turn),
            )
            assert mapped == pytest.approx(there, abs=1e-3)
    for showing, placed in zip((first, last), upright, strict=True):
        assert all(inside(view, placed) for view in showing.views)


def test_a_join_whose_window_leaves_a_photo_becomes_a_plain_dissolve():
    shot = Shot(move=MOVES["push_in"], frames=120, join=Join(kind="anchored", x=0.4))
    plain = shot.model_copy(update={"join": DISSOLVE})
    assert film_shot(shot, [(1920, 1280)] * 2) == film_shot(plain, [(1920, 1280)] * 2)


@pytest.mark.parametrize("size", [(1920, 1280), (1280, 1920), (4000, 900), (1000, 1000)])
@pytest.mark.parametrize("roll", [-5.0, -0.7, 0.0, 2.0])
def test_an_upright_rectangle_lies_inside_the_turned_photo_and_cannot_grow(size, roll):
    angle = math.radians(abs(roll))

    def fits(width, height):
        across = width * math.cos(angle) + height * math.sin(angle)
        down = width * math.sin(angle) + height * math.cos(angle)
        return across <= size[0] + 1e-6 and down <= size[1] + 1e-6

    width, height = upright_size(size, roll)
    assert fits(width, height)
    assert not fits(width + 3, height + 3)
    assert width * height > 0.5 * size[0] * size[1]


def test_a_panorama_is_panned_along_in_the_direction_of_its_move():
    right = views_of(MOVES["truck_right"], 120, (3840, 1080))
    left = views_of(MOVES["truck_left"], 120, (3840, 1080))
    assert (right[-1].x - right[0].x) * 3840 > 180
    assert (left[-1].x - left[0].x) * 3840 < -180
    assert {view.zoom for view in right} == {1.0}


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
        views = views_of(MOVES["sweep"], 120, (1920, 1280), seed)
        assert views == views_of(MOVES["sweep"], 120, (1920, 1280), seed)
        directions.add(views[-1].x > views[0].x)
    assert directions == {True, False}


def test_other_seeds_give_other_takes_of_the_same_move():
    takes = {views_of(MOVES["push_in"], 10, (1920, 1280), seed) for seed in range(20)}
    assert len(takes) == 20


def test_less_of_a_tall_photo_is_cut_at_the_bottom_when_the_anchor_is_lower():
    def bottom_cut(anchor_y):
        (showing,) = film_shot(Shot(move=MOVES["push_in"], frames=2, anchor_y=anchor_y), [(1600, 1200)])
        view = showing.view(0)
        return 1 - window(view, (1600, 1200))[3]

    assert bottom_cut(0.40) < bottom_cut(0.47) < bottom_cut(0.60)


def test_a_shorter_scene_keeps_the_speed_of_the_move_by_a_shorter_path():
    def path(frames):
        views = views_of(MOVES["truck_right"], frames, (1920, 1280), seed=5)
        return views[-1].x - views[0].x

    assert path(60) == pytest.approx(path(120) / 2, rel=1e-6)
    assert path(900) < 2 * path(120)


def test_up_a_portrait_the_camera_rises_whatever_the_move_and_beside_a_landscape_too():
    for size in [(2048, 3072), (853, 1280)]:
        views = views_of(MOVES["sweep"], 120, size)
        assert (views[0].y - views[-1].y) * size[1] / size[0] * FILM.width > 180
        assert views[-1].x == pytest.approx(views[0].x)
    first, last = film_shot(Shot(move=MOVES["truck_right"], frames=120), [(853, 1280), (1920, 1280)])
    assert first.views[0].y > first.views[-1].y
    assert last.views[0].x < last.views[-1].x


def test_a_move_that_breaks_a_rule_is_refused_by_name():
    with pytest.raises(BadBrief, match="'spin'"):
        parse_moves({"spin": {"title": "Spin", "start": {"zoom": 1.0}, "end": {"zoom": 0.5}}})
    with pytest.raises(BadBrief, match="frozen"):
        parse_moves({"still": {"title": "Still", "start": {"zoom": 1.1}, "end": {"zoom": 1.1}}})
    with pytest.raises(BadBrief, match="'odd'"):
        parse_moves({"odd": ["push"]})


def test_a_shot_survives_its_json_form_exactly():
    shot = Shot(move=MOVES["sweep"], frames=120, seed=7, anchor_y=0.4, join=JOINED, last=Pose(roll=1.5, dusk=True))
    assert Shot.model_validate_json(shot.model_dump_json()) == shot
