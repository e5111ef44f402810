import itertools
import random

import pytest

from property_video.core.edits import Edits, SceneEdit
from property_video.core.errors import BadBrief
from property_video.core.joins import Match
from property_video.core.pairing import Candidate, Pair, ShotList, best_film, choose_pairs
from property_video.core.photo import Look, PhotoAnalysis, Room, Verdict
from property_video.core.room_model import ROOMS
from property_video.core.scoring import Score
from property_video.storyboards import load_storyboard, storyboard_names

LOOK = Look(sharpness=0.5, p50=120, p95=220, blown=0.0, dhash="0" * 64)
BOARD = load_storyboard("luxury_property")


def photo(name: str, room: Room = "other", *, visit: int = 0, quality: float = 0.8, **more) -> Verdict:
    known = room != "other"
    return Verdict(
        name=name,
        room=room,
        room_confidence=0.9 if known else 0.0,
        room_source="file name" if known else "unknown",
        visit=visit,
        look=LOOK,
        quality=quality,
        **more,
    )


def shots(*photos: Verdict, **wishes) -> dict[int, Pair]:
    chosen = choose_pairs(BOARD, PhotoAnalysis(verdicts=photos), **wishes)
    return {pair.number: pair for pair in chosen.pairs}


def photos_in(found: dict[int, Pair]) -> dict[int, tuple[str, str]]:
    return {number: (pair.first, pair.last) for number, pair in found.items()}


FULL = [
    photo("exterior-1.jpg", "exterior"),
    photo("exterior-2.jpg", "exterior"),
    photo("pool-1.jpg", "pool"),
    photo("pool-2.jpg", "pool"),
    photo("bedroom-1.jpg", "bedroom"),
    photo("bedroom-2.jpg", "bedroom"),
    photo("bathroom-1.jpg", "bathroom"),
    photo("bathroom-2.jpg", "bathroom"),
    photo("tub-1.jpg", "tub"),
    photo("tub-2.jpg", "tub"),
    photo("living-1.jpg", "living_room"),
    photo("living-2.jpg", "living_room"),
    photo("dining-1.jpg", "dining"),
    photo("dining-2.jpg", "dining"),
]


def test_a_full_listing_fills_every_scene_with_two_photos_of_its_room():
    found = shots(*FULL)
    assert {n: (p.first.split("-")[0], p.last.split("-")[0]) for n, p in found.items()} == {
        1: ("pool", "pool"),
        2: ("bedroom", "bedroom"),
        3: ("bathroom", "bathroom"),
        4: ("tub", "tub"),
        5: ("living", "living"),
        6: ("dining", "dining"),
        7: ("exterior", "exterior"),
    }


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", range(1, 15))
def test_no_photo_is_ever_used_twice(count, seed):
    used = [name for pair in shots(*FULL[:count], seed=seed).values() for name in (pair.first, pair.last) if name]
    assert len(used) == len(set(used))
    assert used


def test_every_scene_gets_a_first_photo_before_any_gets_a_second_one():
    found = shots(photo("a.jpg", "exterior"), photo("b.jpg", "exterior"))
    assert (found[1].first, found[7].first) == ("a.jpg", "b.jpg") or (found[1].first, found[7].first) == (
        "b.jpg",
        "a.jpg",
    )
    assert found[1].last == found[7].last == ""


def test_a_scene_that_nobody_can_fill_is_left_out_and_says_what_it_wanted():
    found = shots(photo("kitchen.jpg", "kitchen"))
    assert found[6].first == "kitchen.jpg"
    assert "bedroom" in found[2].left_out


def test_one_photo_makes_a_film_of_one_scene_whatever_it_shows():
    for room in ("floor_plan", "other", "bedroom"):
        shown = [pair for pair in shots(photo("only.jpg", room)).values() if not pair.left_out]
        assert [pair.first for pair in shown] == ["only.jpg"]


def test_even_a_blurred_photo_makes_a_film_when_it_is_all_there_is():
    shown = [pair for pair in shots(photo("only.jpg", blurred=True)).values() if not pair.left_out]
    assert [pair.first for pair in shown] == ["only.jpg"]


@pytest.mark.parametrize("flaw", ["blurred", "dark", "small"])
def test_a_flawed_photo_is_used_only_when_nothing_else_shows_the_room(flaw):
    bad = photo("bad.jpg", "bedroom", quality=1.0, **{flaw: True})
    assert shots(bad, photo("good.jpg", "bedroom", quality=0.1))[2].first == "good.jpg"
    assert "bad.jpg" not in str(shots(bad, photo("good.jpg", "bedroom", quality=0.1)))
    alone = shots(bad, photo("kitchen.jpg", "kitchen"))[2]
    assert alone.first == "bad.jpg"
    assert flaw in " ".join(alone.reasons)


def test_a_near_duplicate_is_never_used():
    found = shots(photo("a.jpg", "bedroom"), photo("b.jpg", "bedroom", duplicate_of="a.jpg"))
    assert (found[2].first, found[2].last) == ("a.jpg", "")


def test_photos_of_unknown_room_fill_the_scenes_visit_by_visit():
    visits = {1: "ab", 2: "cde", 3: "fg", 4: "hi", 5: "jk", 6: "lm", 7: "no"}
    photos = [photo(f"{name}.jpg", visit=number) for number, names in visits.items() for name in names]
    found = shots(*photos)
    assert {n: p.first[0] in visits[n] and p.last[0] in visits[n] for n, p in found.items()} == dict.fromkeys(
        range(1, 8), True
    )
    assert all(pair.confidence < 0.5 for pair in found.values())


def test_photos_of_two_visits_are_never_joined():
    photos = [photo(f"{i:02}.jpg", visit=i // 3 + 1) for i in range(21)]
    visit_of = {each.name: each.visit for each in photos}
    for pair in shots(*photos).values():
        assert not pair.last or visit_of[pair.first] == visit_of[pair.last]


def test_what_a_person_chose_stands_and_is_taken_from_nobody_else():
    edits = Edits(scenes={"scene_2": SceneEdit(first="tub-1.jpg", last="living-1.jpg")})
    found = shots(*FULL, edits=edits)
    assert (found[2].first, found[2].last, found[2].confidence) == ("tub-1.jpg", "living-1.jpg", 1.0)
    others = [name for n, pair in found.items() if n != 2 for name in (pair.first, pair.last)]
    assert not {"tub-1.jpg", "living-1.jpg"} & set(others)


def test_a_person_may_choose_one_half_of_a_pair():
    found = shots(*FULL, edits=Edits(scenes={"scene_2": SceneEdit(last="tub-1.jpg")}))
    assert found[2].last == "tub-1.jpg"
    assert found[2].first.startswith("bedroom")


def test_a_chosen_photo_that_left_the_upload_gives_way_and_the_shot_list_says_so():
    found = shots(*FULL, edits=Edits(scenes={"scene_2": SceneEdit(first="gone.jpg")}))
    assert found[2].first.startswith("bedroom")
    assert "gone.jpg was chosen by hand and is no longer" in found[2].reasons[0]


def test_a_person_cannot_choose_one_photo_as_both():
    edits = Edits(scenes={"scene_2": SceneEdit(first="tub-1.jpg", last="tub-1")})
    with pytest.raises(BadBrief, match="both first and last"):
        shots(*FULL, edits=edits)


def test_a_name_that_does_not_exist_names_the_nearest_one():
    with pytest.raises(BadBrief, match=r"Did you mean 'tub-1\.jpg'"):
        shots(*FULL, never=["tubb-1.jpg"])


def test_photos_the_brief_bans_are_never_used_and_those_it_wants_come_first():
    found = shots(*FULL, never=["pool-1.jpg"], use=["bedroom-2"])
    used = [name for pair in found.values() for name in (pair.first, pair.last)]
    assert "pool-1.jpg" not in used
    assert "bedroom-2.jpg" in used
    three = [photo(f"bedroom-{i}.jpg", "bedroom", quality=1 - i / 10) for i in range(3)]
    chosen = shots(*three, use=["bedroom-2"])[2]
    assert "bedroom-2.jpg" in (chosen.first, chosen.last)


def test_the_outro_prefers_dusk_and_the_hook_daylight():
    day, dusk = photo("day.jpg", "exterior"), photo("dusk.jpg", "exterior", evening=True)
    for photos in itertools.permutations([day, dusk]):
        found = shots(*photos)
        assert (found[1].first, found[7].first) == ("day.jpg", "dusk.jpg")


def test_the_only_exterior_opens_the_film():
    found = shots(photo("front.jpg", "exterior"), photo("bedroom.jpg", "bedroom"))
    assert found[1].first == "front.jpg"
    assert found[7].left_out


def test_light_outranks_the_room_for_hook_and_outro():
    found = shots(photo("dusk.jpg", "exterior", evening=True), photo("day.jpg", "pool"))
    assert (found[1].first, found[7].first) == ("day.jpg", "dusk.jpg")


def test_the_same_inputs_give_the_same_shot_list_and_the_seed_decides_between_equals():
    equals = [photo(f"bed-{i}.jpg", "bedroom") for i in range(8)]
    assert shots(*equals, seed=3) == shots(*equals, seed=3)
    assert len({shots(*equals, seed=seed)[2].first for seed in range(12)}) > 1


def test_a_worse_photo_more_changes_no_pair():
    more = [*FULL, photo("bedroom-3.jpg", "bedroom", quality=0.1)]
    assert photos_in(shots(*more)) == photos_in(shots(*FULL))


def test_a_slightly_better_photo_more_changes_a_new_film_and_not_one_that_was_made():
    full = [*FULL[:4], photo("a.jpg", "bedroom", quality=0.6), photo("b.jpg", "bedroom", quality=0.6)]
    better = [*full, photo("c.jpg", "bedroom", quality=0.7)]
    before = choose_pairs(BOARD, PhotoAnalysis(verdicts=full))
    assert "c.jpg" in photos_in(shots(*better))[2]
    assert photos_in(shots(*better, before=before))[2] == ("a.jpg", "b.jpg")


def test_a_clearly_better_photo_replaces_one_of_a_film_that_was_made():
    full = [photo("a.jpg", "bedroom", quality=0.2), photo("b.jpg", "bedroom", quality=0.2)]
    before = choose_pairs(BOARD, PhotoAnalysis(verdicts=full))
    found = shots(*full, photo("c.jpg", "bedroom", quality=0.9), before=before)
    assert "c.jpg" in photos_in(found)[2]


@pytest.mark.parametrize("change", [{"seed": 5}, {"storyboard": "luxury_lodging"}])
def test_a_shot_list_of_another_seed_or_storyboard_counts_for_nothing(change):
    equals = [photo(f"bed-{i}.jpg", "bedroom") for i in range(8)]
    before = choose_pairs(BOARD, PhotoAnalysis(verdicts=equals)).model_copy(update=change)
    for seed in range(12):
        assert shots(*equals, seed=seed, before=before.model_copy(update={"seed": seed + 1})) == shots(
            *equals, seed=seed
        )


def test_the_best_film_is_better_than_the_best_scene_after_scene():
    """The pool photo is best in the hook; the outro has nothing else, and the hook has a facade as well."""
    found = shots(photo("pool.jpg", "pool", evening=True, quality=1.0), photo("front.jpg", "exterior", quality=0.3))
    assert (found[1].first, found[7].first) == ("front.jpg", "pool.jpg")


def test_photos_that_one_move_joins_are_preferred():
    three = [photo(f"{name}.jpg", "bedroom") for name in "abc"]
    match = Match(first="a.jpg", last="c.jpg", one_move=True)
    chosen = choose_pairs(BOARD, PhotoAnalysis(verdicts=three, matches=[match])).pairs[1]
    assert (chosen.first, chosen.last) == ("a.jpg", "c.jpg")
    assert "one camera move" in chosen.reasons[1]


def test_photos_of_one_space_belong_together_whatever_their_rooms_and_visits():
    found = shots(photo("bath.jpg", "bathroom", visit=1, space=3), photo("bath-2.jpg", "bathroom", visit=2, space=3))
    assert (found[3].first, found[3].last) == ("bath.jpg", "bath-2.jpg") or found[4].first


def test_a_second_room_serves_where_nothing_shows_it_first():
    found = shots(photo("a.jpg", "kitchen", second_room="dining"), photo("b.jpg", "exterior"))
    assert found[6].first == "a.jpg"


def test_the_next_best_choice_and_what_it_lacks_stand_beside_each_choice():
    beds = [photo("a.jpg", "bedroom"), photo("b.jpg", "bedroom"), photo("c.jpg", "bedroom", quality=0.3)]
    chosen = shots(*beds)[2]
    assert (chosen.first, chosen.last) == ("a.jpg", "b.jpg")
    assert chosen.alternative == "Next best: a.jpg and c.jpg; it is less sharp or less well exposed." or (
        chosen.alternative == "Next best: b.jpg and c.jpg; it is less sharp or less well exposed."
    )


def test_a_near_duplicate_that_the_brief_names_takes_the_place_of_its_better_twin():
    found = shots(photo("a.jpg", "bedroom"), photo("b.jpg", "bedroom", duplicate_of="a.jpg"), use=["b.jpg"])
    assert photos_in(found)[2] == ("b.jpg", "")


@pytest.mark.parametrize("case", range(30))
def test_the_search_finds_what_trying_everything_finds(case):
    rng = random.Random(case)
    photos = [photo(f"{i}.jpg") for i in range(6)]
    candidates = {
        number: sorted(
            (Candidate(tuple(rng.sample(photos, rng.choice((1, 2)))), Score(room=rng.random())) for _ in range(7)),
            key=lambda candidate: -candidate.score.total,
        )
        for number in (1, 3, 4, 7)
    }
    assert total(best_film(candidates)) == pytest.approx(max(map(total, every_film(candidates))))


def every_film(candidates):
    """All assignments without a photo used twice, the slow way."""
    for chosen in itertools.product(*([None, *each] for each in candidates.values())):
        names = [name for each in chosen if each for name in each.names]
        if len(names) == len(set(names)):
            yield {number: each for number, each in zip(candidates, chosen, strict=True) if each}


def total(film):
    return sum(each.score.total for each in film.values())


def test_the_hook_prefers_a_pool_with_the_house_in_view():
    masses = [0.0] * len(ROOMS)
    house = list(masses)
    house[ROOMS.index("exterior")] = 0.05
    seen = [LOOK.model_copy(update={"rooms": tuple(each)}) for each in (masses, house)]
    pools = [
        photo(f"{name}.jpg", "pool").model_copy(update={"look": look})
        for name, look in (("a", seen[0]), ("b", seen[1]), ("c", seen[1]))
    ]
    dusk = [photo(f"dusk-{number}.jpg", "exterior", evening=True) for number in (1, 2)]
    for seed in range(8):
        assert photos_in(shots(*pools, *dusk, seed=seed))[1] == ("b.jpg", "c.jpg")


def test_sixty_photos_of_the_same_rooms_are_no_problem():
    rooms: tuple[Room, ...] = ("exterior", "pool", "bedroom", "bathroom", "tub", "living_room", "dining", "kitchen")
    photos = [photo(f"{i:02}.jpg", rooms[i % 8], quality=(i * 7 % 20) / 20) for i in range(60)]
    found = shots(*photos)
    assert all(pair.last for pair in found.values())


@pytest.mark.parametrize("name", storyboard_names())
def test_every_storyboard_is_filled_by_a_full_listing(name):
    extra = [photo("spa.jpg", "amenity"), photo("view.jpg", "view"), photo("garden.jpg", "garden")]
    filled = choose_pairs(load_storyboard(name), PhotoAnalysis(verdicts=(*FULL, *extra)))
    assert isinstance(filled, ShotList)
    assert len(filled.shown()) == 7
