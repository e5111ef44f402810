import pytest

from property_video.core.joins import DISSOLVE, Match, choose_join, shared_window

SIZE = (1920, 1280)


FOUND = Match(
    first="a.jpg",
    last="b.jpg",
    matches=69,
    inliers=44,
    coverage=0.17,
    scale=1.08,
    rotation=-0.3,
    x=0.02,
    y=0.03,
    one_move=True,
)


def match(**found):
    return FOUND.model_copy(update=found)


def kind(found, first_roll=0.0, last_roll=0.0):
    return choose_join(found, SIZE, SIZE, first_roll, last_roll).kind


def test_the_same_view_at_another_time_is_aligned_and_the_join_keeps_its_geometry():
    join = choose_join(match(), SIZE, SIZE)
    assert join.kind == "aligned"
    assert (join.scale, join.rotation, join.x, join.y) == (1.08, -0.3, 0.02, 0.03)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"inliers": 29, "matches": 50}, "anchored"),
        ({"inliers": 30, "matches": 62}, "anchored"),
        ({"coverage": 0.09}, "anchored"),
        ({"scale": 1.26, "x": 0.0, "y": 0.0}, "dissolve"),
        ({"inliers": 19, "matches": 30}, "dissolve"),
        ({"inliers": 44, "matches": 140}, "dissolve"),
        ({"coverage": 0.04}, "dissolve"),
        ({"x": 0.3}, "dissolve"),
        ({"rotation": 1.2}, "dissolve"),
        ({"inliers": 0, "matches": 0}, "dissolve"),
        ({"one_move": False}, "dissolve"),
    ],
)
def test_what_a_match_lacks_decides_how_the_photos_are_joined(found, expected):
    assert kind(match(**found)) == expected


def test_photos_that_were_never_matched_dissolve():
    assert choose_join(None, SIZE, SIZE) == DISSOLVE


def test_a_turn_that_straightening_explains_does_not_count():
    leaning = match(rotation=1.8)
    assert kind(leaning) == "dissolve"
    assert kind(leaning, first_roll=0.0, last_roll=1.7) == "aligned"
    assert kind(leaning, first_roll=-1.7, last_roll=0.0) == "aligned"


def test_the_shared_window_is_what_both_photos_show_of_the_scene():
    still = match(scale=1.0, x=0.0, y=0.0)
    assert shared_window(still, SIZE, SIZE) == pytest.approx(1)
    assert shared_window(match(scale=1.0, x=0.1, y=0.0), SIZE, SIZE) == pytest.approx(0.9)
    assert shared_window(match(scale=1.25, x=0.0, y=0.0), SIZE, SIZE) == pytest.approx(0.8)
    assert shared_window(match(scale=0.8, x=0.0, y=0.0), SIZE, SIZE) == pytest.approx(0.8)
    # A 3:2 photo has 10 % of height to spare on either side of the film's shape, in units of its width 5 %.
    assert shared_window(match(scale=1.0, x=0.0, y=0.1), SIZE, SIZE) == pytest.approx(1)
    assert shared_window(match(x=1.2), SIZE, SIZE) == 0


@pytest.mark.parametrize("scale", [0.9, 1.2])
def test_a_match_turned_around_twice_is_itself_and_once_maps_back(scale):
    there = match(scale=scale, rotation=3.0)
    back = there.backwards()
    assert (back.first, back.last) == ("b.jpg", "a.jpg")
    again = back.backwards()
    assert (again.x, again.y, again.scale) == pytest.approx((there.x, there.y, there.scale))
    assert shared_window(back, SIZE, SIZE) == pytest.approx(shared_window(there, SIZE, SIZE), abs=0.02)
