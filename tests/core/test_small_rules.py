"""Rules that fit in a line or two: names, rooms in words, fingerprints, what is due."""

import dataclasses

import pytest

from property_video.core.campaign import checked_slug, is_slug, slug_for, slug_for_folder
from property_video.core.errors import BadBrief, BadInput
from property_video.core.fingerprints import fingerprint
from property_video.core.naming import match_name
from property_video.core.reconcile import MOST_A_TICK, MOST_ATTEMPTS, Standing, due
from property_video.core.rooms import room_in_name


@pytest.mark.parametrize("name", ["a", "villa-solana", "12-oak", "a" * 63])
def test_slugs_are_campaigns(name):
    assert is_slug(name)
    assert checked_slug(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a/b", "..", "a" * 64, "é", "a\n", "a.b"])
def test_other_names_are_no_campaigns_and_a_slug_is_proposed(name):
    assert not is_slug(name)
    with pytest.raises(BadInput, match="Try"):
        checked_slug(name)
    assert is_slug(slug_for(name))


@pytest.mark.parametrize(
    ("parts", "slug"),
    [
        (("home", "me", "Oak Street 12"), "oak-street-12"),
        (("home", "me", "Villa Solana", "photos"), "villa-solana"),
        (("Fotos", "Château d'Eau", "Images"), "chateau-d-eau"),
        ((), "campaign"),
        (("日本",), "campaign"),
    ],
)
def test_a_folders_last_telling_part_names_the_campaign(parts, slug):
    assert slug_for_folder(parts) == slug


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("kitchen.jpg", "kitchen"),
        ("MasterBedroom2.JPG", "bedroom"),
        ("03_living-room.jpg", "living_room"),
        ("bathroom tub.jpg", "tub"),
        ("photos/pool_terrace.png", "pool"),
        ("Küche.jpg", "kitchen"),
        ("floor plan 1.png", "floor_plan"),
        ("DJI_0001.jpg", "aerial"),
        ("frontal.jpg", "exterior"),
        ("IMG_2023.jpg", None),
        ("DSC_0107.jpg", None),
        ("embedded.jpg", None),
        ("bedrock.jpg", None),
        ("Planet.jpg", None),
        ("kitchen.d/IMG_1.jpg", None),
    ],
)
def test_whole_words_of_a_file_name_tell_the_room(name, room):
    assert room_in_name(name) == room


def test_photos_answer_to_their_name_in_any_case_and_without_extension():
    names = ["photos/DSC_1.JPG", "a.png", "a.jpg"]
    assert match_name("dsc_1", names) == "photos/DSC_1.JPG"
    assert match_name("A.PNG", names) == "a.png"
    with pytest.raises(BadBrief, match=r"a\.png or a\.jpg"):
        match_name("a", names)


def test_a_fingerprint_depends_on_every_input_and_on_nothing_else():
    base = fingerprint("clip", first="a", last="b")
    assert base == fingerprint("clip", last="b", first="a")
    others = [fingerprint("clip", first="a", last=None), fingerprint("track", first="a", last="b")]
    assert len({base, *others}) == 3
    with pytest.raises(KeyError):
        fingerprint("nonsense")


DUE = Standing(campaign="a", wanted="new", there="old", under_way=False, quiet_s=100, attempts=0)


def test_wanted_and_not_there_and_not_under_way_is_due():
    (found,) = due([DUE], settle_s=60)
    assert (found.campaign, found.run_key) == ("a", "a:new:1")


@pytest.mark.parametrize(
    "change",
    [
        {"wanted": ""},
        {"there": "new"},
        {"under_way": True},
        {"quiet_s": 59.9},
        {"attempts": MOST_ATTEMPTS},
    ],
)
def test_any_single_signal_keeps_a_campaign_from_being_due(change):
    assert due([dataclasses.replace(DUE, **change)], settle_s=60) == ()


def test_another_attempt_has_another_key_so_that_the_run_history_lets_it_through():
    (again,) = due([dataclasses.replace(DUE, attempts=1)], settle_s=60)
    assert again.run_key == "a:new:2"


def test_a_tick_asks_for_a_bounded_number_of_runs_newest_first():
    many = [dataclasses.replace(DUE, campaign=f"c{i}", quiet_s=100 + i) for i in range(60)]
    found = due(reversed(many), settle_s=60)
    assert [each.campaign for each in found] == [f"c{i}" for i in range(MOST_A_TICK)]
