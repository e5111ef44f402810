"""The photographer's note: every line names what to do."""

import pytest

from property_video.core.advice import advise
from property_video.core.pairing import choose_pairs
from property_video.core.photo import Look, PhotoAnalysis, Room, Verdict
from property_video.storyboards import load_storyboard

BOARD = load_storyboard("luxury_property")


def photo(name: str, room: Room = "other", *, roll: float = 0.0, **more) -> Verdict:
    look = Look(sharpness=0.5, p50=120, p95=220, blown=0.0, dhash="0" * 64, roll=roll)
    return Verdict(
        name=name, room=room, room_confidence=0.9, room_source="picture", visit=0, look=look, quality=0.8, **more
    )


def note(*photos: Verdict) -> list[str]:
    analysis = PhotoAnalysis(verdicts=photos)
    return list(advise(BOARD, choose_pairs(BOARD, analysis), analysis))


FULL = [
    photo(f"{room}-{number}.jpg", room)
    for room in ("pool", "bedroom", "bathroom", "tub", "living_room", "dining")
    for number in (1, 2)
]
DUSK = [photo("dusk-1.jpg", "exterior", evening=True), photo("dusk-2.jpg", "exterior", evening=True)]


def test_a_full_listing_with_a_dusk_exterior_needs_no_advice():
    assert note(*FULL, *DUSK) == []


def test_a_listing_without_a_dusk_exterior_is_told_so():
    day = [photo("front-1.jpg", "exterior"), photo("front-2.jpg", "exterior")]
    (advice,) = note(*FULL, *day)
    assert advice.startswith("No dusk exterior")


def test_a_missing_room_names_the_scene_and_what_it_wants():
    without = [each for each in FULL if each.room != "bedroom"]
    (advice,) = note(*without, *DUSK)
    assert advice == "No photo for scene 2, Hero bedroom: add two that show bedroom."


@pytest.mark.parametrize(
    ("flaw", "remedy"), [("blurred", "tripod"), ("dark", "longer"), ("small", "upload the original")]
)
def test_the_only_photo_of_a_room_that_is_flawed_is_to_be_made_again(flaw, remedy):
    without = [each for each in FULL if each.room != "bedroom"]
    (advice, *_) = note(*without, *DUSK, photo("bed.jpg", "bedroom", **{flaw: True}))
    assert advice.startswith(f"The only photo for scene 2, Hero bedroom, is {flaw}")
    assert remedy in advice


def test_a_flawed_photo_that_is_not_needed_is_named_last():
    (advice,) = note(*FULL, *DUSK, photo("bad.jpg", "bedroom", blurred=True))
    assert advice == "bad.jpg is blurred and not used: reshoot it from a tripod."


def test_a_scene_of_one_photo_asks_for_a_second_one():
    without = [each for each in FULL if each.name != "bedroom-2.jpg"]
    (advice,) = note(*without, *DUSK)
    assert advice.startswith("Scene 2, Hero bedroom, has one photo: a second one")


def test_photos_that_nobody_recognises_and_copies_are_named_three_at_most():
    strange = [photo(f"IMG_{number}.jpg") for number in range(1, 6)]
    copies = [photo(f"copy-{number}.jpg", "pool", duplicate_of="pool-1.jpg") for number in range(1, 3)]
    told = note(*FULL, *DUSK, *strange, *copies)
    assert told[0].startswith("IMG_1.jpg, IMG_2.jpg, IMG_3.jpg and 2 more: the room is not recognised.")
    assert told[1].startswith("copy-1.jpg repeats pool-1.jpg, copy-2.jpg repeats pool-1.jpg:")


def test_a_tilted_photo_that_is_used_is_named():
    tilted = photo("pool-1.jpg", "pool", roll=-3.04, tilted=True)
    (advice,) = note(tilted, *FULL[1:], *DUSK)
    assert advice == "pool-1.jpg is tilted by 3.0 degrees and loses its edges when straightened."
