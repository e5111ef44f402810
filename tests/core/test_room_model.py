"""What room a picture shows: table and head mixed, photos of a listing heard, and no guess where nothing is known."""

import base64

import numpy as np
import pytest

from property_video.core.photo import Look
from property_video.core.room_model import (
    HEAD_ROOMS,
    LEAST_MASS,
    NO_GUESS,
    OUTSIDE,
    ROOMS,
    TABLE,
    decide,
    distances,
    family,
    known_rooms,
    masses,
    mixed,
    smoothed,
)

UNSURE = (0.25, 0.25, 0.25, 0.25)


def table(**of_rooms: float) -> tuple[float, ...]:
    return tuple(of_rooms.get(room, 0.0) for room in ROOMS)


def head(room: str, sure: float = 0.97) -> tuple[float, ...]:
    return tuple(sure if each == room else (1 - sure) / 3 for each in HEAD_ROOMS)


def feature(*values: float) -> str:
    return base64.b64encode(np.round(np.array(values) * 255).astype(np.uint8).tobytes()).decode()


def seen(rooms: tuple[float, ...], sure: tuple[float, ...] = UNSURE, pool: float = 0.0) -> Look:
    return Look(sharpness=0.6, p50=120, p95=200, blown=0, dhash="0" * 64, rooms=rooms, head=sure, pool=pool)


def told(rooms: tuple[float, ...], sure: tuple[float, ...] = UNSURE, water: float = 0.0):
    return decide(mixed(rooms, sure), rooms, sure, water)


def alone(rooms: tuple[float, ...], sure: tuple[float, ...] = UNSURE):
    (guess,) = known_rooms([seen(rooms, sure)], {}, np.zeros((1, 1)), [0])
    return guess


# --- the table


def test_masses_are_weighted_sums_of_the_classes_that_speak_for_a_room():
    probabilities = np.zeros(1000, np.float32)
    probabilities[[896, 897, 831, 905]] = 0.5, 0.25, 0.125, 0.125  # washbasin, washer, studio couch, window shade
    found = dict(zip(ROOMS, masses(probabilities), strict=True))
    assert found["bathroom"] == pytest.approx(0.5 + 0.25 * 0.5)
    assert found["living_room"] == pytest.approx(0.125)
    assert sum(found.values()) == pytest.approx(0.75)


def test_every_class_of_the_table_is_one_of_imagenets_and_counts_at_most_whole():
    for classes in TABLE.values():
        assert all(0 <= index < 1000 and 0 < weight <= 1 for index, weight in classes.items())


def test_classes_that_only_say_indoors_speak_for_no_room():
    shade, shoji, sliding_door = 905, 789, 799
    assert not {shade, shoji, sliding_door} & {index for classes in TABLE.values() for index in classes}


# --- table and head


def test_a_mixture_is_probabilities():
    dice = np.random.default_rng(1)
    for _ in range(50):
        belief = mixed(dice.dirichlet(np.full(len(ROOMS), 0.2)), dice.dirichlet(np.full(4, 0.2)))
        assert belief.min() >= 0
        assert belief.sum() == pytest.approx(1)


def test_the_head_tells_a_bed_that_the_table_takes_for_a_sofa():
    sofa = table(living_room=0.5, bedroom=0.2)
    assert told(sofa).room == "living_room"
    assert told(sofa, head("bedroom")).room == "bedroom"


def test_the_table_tells_living_rooms_that_the_head_has_never_seen():
    assert told(table(living_room=0.6), head("bedroom", 0.6)).room == "living_room"


def test_a_room_is_the_likelier_the_more_the_head_agrees():
    sure = [told(table(kitchen=0.4), head("kitchen", p)).confidence for p in (0.3, 0.5, 0.7, 0.9)]
    assert sure == sorted(sure)
    assert sure[0] < sure[-1]


# --- one picture


@pytest.mark.parametrize("room", ["bathroom", "bedroom", "exterior", "kitchen"])
def test_a_room_that_both_tell_is_told_with_confidence(room):
    guess = told(table(**{room: 0.6}), head(room))
    assert (guess.room, guess.second) == (room, None)
    assert guess.confidence > 0.95
    assert (guess.outdoors > 0.95) == (room in OUTSIDE)


@pytest.mark.parametrize("mass", [0.0, 0.1, LEAST_MASS - 0.01])
def test_a_picture_that_resembles_no_room_is_other_whatever_the_head_prefers(mass):
    """A rocket is "front" to the head with 0.65: it knows nothing else."""
    guess = told(table(exterior=mass), head("exterior", 0.74))
    assert (guess.room, guess.confidence, guess.second) == ("other", 0.0, None)


def test_a_front_that_resembles_no_class_is_told_by_a_head_that_is_sure():
    assert told(table(), head("exterior", 0.98)).room == "exterior"


def test_a_picture_between_families_is_other_rather_than_a_guess():
    guess = told(table(amenity=0.2, detail=0.2, living_room=0.05, bedroom=0.05))
    assert guess.room == "other"
    assert guess.confidence == 0.0


def test_little_mass_lowers_confidence():
    little, much = (told(table(kitchen=mass), head("kitchen", 0.8)) for mass in (0.22, 0.6))
    assert little.room == much.room == "kitchen"
    assert little.confidence < 0.7 < 0.9 < much.confidence


@pytest.mark.parametrize(
    ("rooms", "sure", "water", "room", "second"),
    [
        (table(kitchen=0.5), "kitchen", 0.0, "kitchen", None),
        (table(kitchen=0.4, dining=0.2), "kitchen", 0.0, "kitchen", "dining"),
        (table(kitchen=0.05, dining=0.45), "kitchen", 0.0, "dining", "kitchen"),
        (table(dining=0.5), "kitchen", 0.0, "dining", None),
        (table(bathroom=0.5, tub=0.05), "bathroom", 0.0, "bathroom", None),
        (table(bathroom=0.2, tub=0.3), "bathroom", 0.0, "tub", "bathroom"),
        (table(exterior=0.2, terrace=0.5), "exterior", 0.0, "exterior", "terrace"),
        (table(exterior=0.05, terrace=0.5), "exterior", 0.0, "terrace", "exterior"),
        (table(exterior=0.05, terrace=0.5), "exterior", 0.03, "pool", "terrace"),
        (table(exterior=0.4, terrace=0.2), "exterior", 0.03, "exterior", "terrace"),
        (table(exterior=0.1, view=0.5), "exterior", 0.0, "view", "exterior"),
        (table(exterior=0.05, garden=0.5), "exterior", 0.0, "garden", "exterior"),
    ],
)
def test_a_part_is_named_where_the_picture_shows_little_else_of_its_family(rooms, sure, water, room, second):
    guess = told(rooms, head(sure), water)
    assert (guess.room, guess.second) == (room, second)


def test_blue_indoors_is_no_pool():
    assert told(table(bathroom=0.5), head("bathroom"), water=0.3).room == "bathroom"


def test_a_drawn_plan_is_a_floor_plan_even_when_the_head_prefers_a_room():
    guess = told(table(floor_plan=0.7), head("bathroom", 0.5))
    assert (guess.room, guess.outdoors) == ("floor_plan", 0.0)


def test_confidence_and_outdoors_are_shares_for_any_picture():
    dice = np.random.default_rng(2)
    for _ in range(300):
        guess = told(
            tuple(dice.dirichlet(np.full(len(ROOMS), 0.1)) * dice.random()),
            tuple(dice.dirichlet(np.full(4, 0.3))),
            dice.random() / 10,
        )
        assert 0 <= guess.confidence <= 1
        assert 0 <= guess.outdoors <= 1
        assert (guess.confidence == 0) == (guess.room == "other")
        assert guess.second is None or family(guess.second) == family(guess.room)


def test_parts_belong_to_a_family_that_the_table_knows():
    assert {family(room) for room in ROOMS} <= set(ROOMS)
    assert (family("pool"), family("tub"), family("living_room")) == ("exterior", "bathroom", "living_room")


# --- the photos of a listing


def test_distance_is_one_minus_the_cosine():
    apart = distances([feature(1, 0), feature(1, 0), feature(0, 1), feature(1, 1)])
    assert apart[0, 1] == pytest.approx(0, abs=1e-9)
    assert apart[0, 2] == pytest.approx(1)
    assert apart[0, 3] == pytest.approx(1 - np.sqrt(0.5), abs=1e-6)
    assert np.array_equal(apart, apart.T)


def test_what_has_no_feature_is_far_from_everything_but_itself():
    apart = distances(["", feature(1, 1), ""])
    assert apart[0].tolist() == [0, 1, 1]
    assert distances([]).shape == (0, 0)
    assert distances(["", ""]).tolist() == [[0, 1], [1, 0]]


ISLAND, KITCHEN = table(tub=0.15, kitchen=0.12, bathroom=0.05), table(kitchen=0.5)
AT_THE_ISLAND = (0.62, 0.02, 0.01, 0.35)


def guesses(distance: float, visits: list[int], about: dict | None = None):
    looks = [seen(ISLAND, AT_THE_ISLAND), seen(KITCHEN, head("kitchen")), seen(KITCHEN, head("kitchen"))]
    apart = np.full((3, 3), distance)
    np.fill_diagonal(apart, 0)
    return known_rooms(looks, about or {}, apart, visits)


def test_a_picture_that_is_unsure_hears_those_that_look_like_it():
    assert alone(ISLAND, AT_THE_ISLAND).room == "tub"
    assert guesses(0.20, [0, 0, 0])[0].room == "kitchen"
    assert guesses(0.60, [0, 0, 0])[0].room == "tub"


def test_photos_of_one_visit_are_believed_from_farther_away():
    """The visit must be a part of the listing: a visit that is all of it says nothing."""
    looks = [seen(KITCHEN, head("kitchen"))] * 12
    apart = np.ones((12, 12))
    apart[0, 1:3] = apart[1:3, 0] = 0.28
    np.fill_diagonal(apart, 0)
    beliefs = [mixed(ISLAND, AT_THE_ISLAND), *(mixed(look.rooms, look.head) for look in looks[1:])]
    kitchen = ROOMS.index("kitchen")
    apart_from_all, of_one_visit, all_one_visit = (
        smoothed(beliefs, apart, visits)[0][kitchen] for visits in ([0] * 12, [1] * 3 + [2] * 9, [1] * 12)
    )
    assert of_one_visit > apart_from_all + 0.1
    assert all_one_visit == pytest.approx(apart_from_all)


def test_photos_that_nothing_resembles_keep_what_they_show():
    beliefs = [mixed(KITCHEN, head("kitchen")), mixed(table(bedroom=0.4), head("bedroom"))]
    heard = smoothed(beliefs, np.array([[0.0, 0.5], [0.5, 0.0]]), [0, 0])
    assert all(np.allclose(one, other) for one, other in zip(beliefs, heard, strict=True))


def test_a_neighbour_that_a_person_has_named_is_heard():
    dim = table(bathroom=0.12, bedroom=0.12)
    looks = [seen(dim), seen(dim)]
    apart = np.array([[0.0, 0.05], [0.05, 0.0]])
    assert known_rooms(looks, {}, apart, [0, 0])[1].room == "other"
    assert known_rooms(looks, {0: ("bedroom", 1.0)}, apart, [0, 0])[1].room == "bedroom"
    assert known_rooms(looks, {0: ("bathroom", 1.0)}, apart, [0, 0])[1].room == "bathroom"


def test_a_tag_that_pictures_cannot_tell_says_nothing_to_its_neighbours():
    """An aerial photo of a garden must not make the garden an exterior."""
    tagged = guesses(0.05, [0, 0, 0], {1: ("aerial", 1.0), 2: ("aerial", 1.0)})
    assert tagged[0] == alone(ISLAND, AT_THE_ISLAND)
    assert tagged[1:] == (NO_GUESS, NO_GUESS)


def test_without_the_network_nothing_is_guessed():
    looks = [Look(sharpness=0.6, p50=120, p95=200, blown=0, dhash="0" * 64)] * 2
    assert known_rooms(looks, {0: ("kitchen", 1.0)}, distances(["", ""]), [1, 1]) == (NO_GUESS, NO_GUESS)
    assert known_rooms([], {}, distances([]), []) == ()
