"""From measurements to verdicts: who decides the room, what is evening, what is one picture, what is one space."""

import base64
import datetime as dt

import numpy as np
import pytest

from property_video.core.analysis import (
    DUSK_P50_BELOW,
    FEATURES_NEAR,
    MOST_MATCHES,
    SAME_SPACE,
    contradiction,
    judge,
    pairs_to_match,
    taken_at,
    visits,
    with_matches,
)
from property_video.core.errors import BadBrief
from property_video.core.joins import Match
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading
from property_video.core.room_model import HEAD_ROOMS, ROOMS, distances
from property_video.core.rooms import NAME_CONFIDENCE

START = dt.datetime(2025, 6, 14, 9, 0)
EXIF = "%Y:%m:%d %H:%M:%S"


def reading(minutes: float | None = None, *, hour: int = 9, width: int = 1920, height: int = 1280) -> Reading:
    taken = "" if minutes is None else (START.replace(hour=hour) + dt.timedelta(minutes=minutes)).strftime(EXIF)
    return Reading(sha256="0" * 64, file_bytes=1, format="JPEG", width=width, height=height, taken=taken)


def photo(name: str, minutes: float | None = None, **more) -> Photo:
    return Photo(name=name, reading=reading(minutes, **more), working="", preview="")


def at(degrees: float) -> str:
    """A feature; two of them are 1 - cos of the angle between them apart."""
    turned = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    return base64.b64encode(np.round(turned * 255).astype(np.uint8).tobytes()).decode()


HASHES = np.random.default_rng(5).integers(0, 256, (100, 32), np.uint8)


def look(shows: str = "", degrees: float | None = None, picture: int = 0, **more) -> Look:
    """A sound picture of a room that the network recognises surely; without `shows` the network was not at hand."""
    seen: dict[str, object] = {}
    if shows:
        head = {"dining": "kitchen", "tub": "bathroom", "terrace": "exterior"}.get(shows, shows)
        seen = {
            "rooms": tuple(0.6 if room == shows else 0.0 for room in ROOMS),
            "head": tuple(0.97 if room == head else 0.01 for room in HEAD_ROOMS),
            "feature": at(picture * 7 % 90 if degrees is None else degrees),
        }
    about = {"sharpness": 0.6, "p50": 120.0, "p95": 200.0, "blown": 0.0, "dhash": HASHES[picture].tobytes().hex()}
    return Look(**(about | seen | more))


def verdict(name: str, seen: Look, tags: dict | None = None, **more):
    (found,) = judge([photo(name, **more)], [seen], tags or {}).verdicts
    return found


# --- who decides the room


def test_a_tag_outranks_the_file_name_and_the_file_name_outranks_the_picture():
    seen = look("kitchen")
    by_picture = verdict("IMG_1.jpg", seen)
    assert (by_picture.room, by_picture.room_source) == ("kitchen", "picture")
    assert by_picture.room_confidence > 0.95
    by_name = verdict("bedroom.jpg", seen)
    assert (by_name.room, by_name.room_source, by_name.room_confidence) == ("bedroom", "file name", NAME_CONFIDENCE)
    by_tag = verdict("bedroom.jpg", seen, {"Bedroom": "terrace"})
    assert (by_tag.room, by_tag.room_source, by_tag.room_confidence) == ("terrace", "brief", 1.0)


def test_a_picture_that_nobody_recognises_is_other_and_nobody_says_so():
    for seen in (look(), look("kitchen", rooms=(0.0,) * len(ROOMS), head=(0.25,) * 4)):
        found = verdict("IMG_1.jpg", seen)
        assert (found.room, found.room_source, found.room_confidence) == ("other", "unknown", 0.0)


def test_a_tag_for_a_photo_that_is_not_there_is_told():
    with pytest.raises(BadBrief, match=r"kitchn.*Did you mean 'kitchen\.jpg'"):
        verdict("kitchen.jpg", look(), {"kitchn": "kitchen"})


def test_words_tell_rooms_without_the_network_too_and_whether_they_are_outside():
    assert (verdict("pool.jpg", look()).room, verdict("pool.jpg", look()).outdoors) == ("pool", 1.0)
    assert (verdict("bedroom.jpg", look()).room, verdict("bedroom.jpg", look()).outdoors) == ("bedroom", 0.0)


def test_the_second_room_comes_from_the_picture_and_only_within_the_family():
    table = tuple({"kitchen": 0.4, "dining": 0.2}.get(room, 0.0) for room in ROOMS)
    seen = look("kitchen", rooms=table)
    assert (verdict("IMG_1.jpg", seen).room, verdict("IMG_1.jpg", seen).second_room) == ("kitchen", "dining")
    assert verdict("dining.jpg", seen).second_room == "kitchen"
    assert verdict("bedroom.jpg", seen).second_room is None
    assert verdict("kitchen.jpg", look()).second_room is None


@pytest.mark.parametrize(
    ("name", "shows", "instead"),
    [
        ("bedroom.jpg", "kitchen", "kitchen"),
        ("kitchen.jpg", "kitchen", None),
        ("dining.jpg", "kitchen", None),
        ("detail.jpg", "kitchen", None),
        ("IMG_1.jpg", "kitchen", None),
        ("bedroom.jpg", "", None),
    ],
)
def test_a_picture_that_surely_shows_another_room_than_a_person_says_is_remarked_upon(name, shows, instead):
    assert contradiction(verdict(name, look(shows))) == instead


def test_a_picture_that_is_not_sure_contradicts_nobody():
    unsure = look("kitchen", rooms=(0.03,) * len(ROOMS), head=(0.2, 0.15, 0.05, 0.6))
    assert contradiction(verdict("bedroom.jpg", unsure)) is None
    assert contradiction(verdict("a.jpg", look("kitchen"), {"a.jpg": "garden"})) == "kitchen"


# --- light and flaws


@pytest.mark.parametrize(
    ("shows", "dusk", "p50", "hour", "evening"),
    [
        ("exterior", 0.90, 90, 9, True),
        ("exterior", 0.50, 90, 9, False),
        ("exterior", 0.50, 90, 20, True),
        ("exterior", 0.20, 90, 20, False),
        ("exterior", 0.99, DUSK_P50_BELOW, 20, False),
        ("kitchen", 0.99, 90, 9, False),
        ("kitchen", 0.00, 90, 20, True),
        ("", 0.00, 150, 20, True),
        ("", 0.00, 90, 9, False),
    ],
)
def test_outside_the_sky_tells_dusk_with_the_clocks_help_and_indoors_the_clock_alone(shows, dusk, p50, hour, evening):
    assert verdict("IMG_1.jpg", look(shows, dusk=dusk, p50=p50), minutes=0, hour=hour).evening == evening


def test_flaws_are_those_of_the_picture_and_of_the_file():
    assert verdict("a.jpg", look()).flaws == ()
    assert verdict("a.jpg", look(sharpness=0.1, p95=90.0), width=480, height=400).flaws == ("blurred", "dark", "small")
    lesser = verdict("a.jpg", look(sharpness=0.35, blown=0.3, roll=-3.0))
    assert (lesser.soft, lesser.blown, lesser.tilted, lesser.flaws) == (True, True, True, ())


# --- visits


def test_photos_taken_minutes_apart_are_one_visit_whatever_their_order():
    readings = [reading(m) for m in (40, 0, 8, 16, None, 45)]
    assert visits(readings) == (2, 1, 1, 1, 0, 2)


@pytest.mark.parametrize("taken", ["", "0000:00:00 00:00:00", "yesterday", "2025:06:14"])
def test_a_clock_that_says_nothing_gives_no_time(taken):
    assert taken_at(reading().model_copy(update={"taken": taken})) is None


# --- duplicates


def copies(*looks: Look, sizes: tuple[int, ...] | None = None) -> list[str]:
    widths = sizes or (1920,) * len(looks)
    photos = [photo(f"{letter}.jpg", width=width) for letter, width in zip("abcdef", widths, strict=False)]
    return [each.duplicate_of for each in judge(photos, looks, {}).verdicts]


def test_of_one_picture_the_sound_one_stands_then_the_largest_then_the_best():
    assert copies(look(), look()) == ["", "a.jpg"]
    assert copies(look(sharpness=0.1), look()) == ["b.jpg", ""]
    assert copies(look(), look(), sizes=(1280, 1920)) == ["b.jpg", ""]
    assert copies(look(p50=60.0), look(p50=130.0)) == ["b.jpg", ""]
    assert copies(look(sharpness=0.1), look(), sizes=(1920, 1280)) == ["b.jpg", ""]


def test_different_pictures_are_no_duplicates_however_alike_the_rooms_look():
    assert copies(look("bedroom", degrees=10, picture=1), look("bedroom", degrees=10, picture=2)) == ["", ""]


# --- spaces


def listing(*rooms_and_degrees: tuple[str, float], minutes: tuple[float, ...] | None = None) -> PhotoAnalysis:
    times = minutes or (0.0,) * len(rooms_and_degrees)
    photos = [photo(f"{number}.jpg", at_minute) for number, at_minute in enumerate(times)]
    looks = [look(room, degrees, picture=number) for number, (room, degrees) in enumerate(rooms_and_degrees)]
    return judge(photos, looks, {})


def spaces(analysis: PhotoAnalysis, *joined: tuple[int, int]) -> list[int]:
    matches = [Match(first=f"{i}.jpg", last=f"{j}.jpg", inliers=40, one_move=True) for i, j in joined]
    return [each.space for each in with_matches(analysis, matches).verdicts]


NEAR, FAR = 30.0, 60.0
"""Angles of features: 0.13 and 0.5 apart."""


def test_the_angles_of_these_tests_are_near_and_far():
    apart = distances([at(0), at(NEAR), at(FAR)])
    assert apart[0, 1] < SAME_SPACE < FEATURES_NEAR < apart[0, 2]


def test_photos_that_look_alike_in_one_visit_show_one_space():
    assert spaces(listing(("bedroom", 0), ("bedroom", NEAR))) == [1, 1]
    assert spaces(listing(("bedroom", 0), ("bedroom", FAR))) == [0, 0]
    assert spaces(listing(("bedroom", 0), ("kitchen", NEAR))) == [0, 0]


def test_two_bedrooms_of_two_visits_are_two_spaces_however_alike():
    assert spaces(listing(("bedroom", 0), ("bedroom", 0), minutes=(0, 30))) == [0, 0]


def test_what_one_camera_move_joins_is_one_space_at_any_time_and_links_what_lies_between():
    photos = listing(("bedroom", 0), ("bedroom", FAR), ("bedroom", NEAR), ("kitchen", 0), minutes=(0, 60, 120, 180))
    assert spaces(photos) == [0, 0, 0, 0]
    assert spaces(photos, (0, 1)) == [1, 1, 0, 0]
    assert spaces(photos, (0, 1), (1, 2)) == [1, 1, 1, 0]


def test_spaces_are_numbered_in_upload_order():
    photos = listing(("kitchen", 0), ("bedroom", 0), ("kitchen", 0), ("bedroom", 0))
    assert spaces(photos) == [1, 2, 1, 2]


def test_a_match_without_one_move_joins_nothing():
    analysis = listing(("bedroom", 0), ("bedroom", FAR))
    match = Match(first="0.jpg", last="1.jpg", inliers=12)
    found = with_matches(analysis, [match])
    assert [each.space for each in found.verdicts] == [0, 0]
    assert found.matches == (match,)


# --- what is worth matching


def test_only_photos_of_one_family_that_look_alike_are_matched():
    assert pairs_to_match(listing(("kitchen", 0), ("dining", NEAR), ("bedroom", 0), ("kitchen", 90))) == ((0, 1),)


def test_copies_are_not_matched_for_they_pass_every_test():
    photos = [photo(f"{number}.jpg") for number in range(3)]
    looks = [look("kitchen", 0, picture=1), look("kitchen", 0, picture=1), look("kitchen", NEAR, picture=2)]
    assert pairs_to_match(judge(photos, looks, {})) == ((0, 2),)


def test_matching_of_sixty_alike_photos_stays_bounded():
    pairs = pairs_to_match(listing(*[("kitchen", number / 2) for number in range(60)]))
    assert len(pairs) <= 60 * MOST_MATCHES
    assert {index for pair in pairs for index in pair} == set(range(60))


def test_without_the_network_nothing_is_matched_and_pictures_are_their_own_spaces():
    photos = [photo(f"kitchen-{number}.jpg", 0) for number in range(3)]
    analysis = judge(photos, [look(picture=number) for number in range(3)], {})
    assert pairs_to_match(analysis) == ()
    assert [each.space for each in with_matches(analysis, []).verdicts] == [0, 0, 0]
