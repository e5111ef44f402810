"""Rules that fit in a line or two: names, rooms in words, fingerprints."""

import pytest

from property_video.core.campaign import checked_slug, is_slug, slug_for, slug_for_folder
from property_video.core.errors import BadBrief, BadInput
from property_video.core.fingerprints import fingerprint
from property_video.core.naming import match_name
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
