import pytest

from property_video.core.brief import Brief, parse_brief
from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.orders import film_tags
from property_video.core.wishes import resolve, storyboard_wanted
from property_video.storyboards import load_moves, load_storyboard


def test_an_empty_brief_is_a_brief():
    assert parse_brief(None, "campaign.yaml") == Brief()
    assert parse_brief({}, "campaign.yaml") == Brief()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"clientt": "x"}, ["campaign.yaml", "clientt", "'client'"]),
        ({"property": {"adress": "x"}}, ["property.adress", "'address'"]),
        ({"brand": {"fone": "x"}}, ["brand.fone", "'phone'"]),
        ({"scenes": {3: {"second": 4}}}, ["scenes.3.second", "'seconds'"]),
        ({"photos": {"room": {}}}, ["photos.room", "'rooms'"]),
        ({"photos": {"rooms": {"a.jpg": "kitchn"}}}, ["photos.rooms.a.jpg", "kitchen"]),
        ({"scene_seconds": 1}, ["scene_seconds", "2"]),
        ({"scene_seconds": 11}, ["scene_seconds", "10"]),
        ({"scenes": {8: {"seconds": 4}}}, ["scenes.8"]),
        ({"music": {"mood": "sad"}}, ["music.mood", "warm"]),
        ({"property": {"price": {"amount": 1, "currency": "euro"}}}, ["property.price.currency"]),
        ({"brand": {"colours": ["red"]}}, ["brand.colours.0"]),
        (["a list"], ["key: value"]),
        ("text", ["key: value"]),
        ({"client": "", "seed": -1}, ["client", "seed"]),
    ],
)
def test_a_broken_rule_is_named_with_its_place_and_the_remedy(data, words):
    with pytest.raises(BadBrief) as told:
        parse_brief(data, "campaign.yaml")
    for word in words:
        assert word in str(told.value)


def test_photos_may_be_named_by_numbers():
    assert parse_brief({"photos": {"use": [101]}}, "campaign.yaml").photos.use == ("101",)


def resolved(data, **edits):
    brief = parse_brief(data, "campaign.yaml")
    standing = Edits(**edits)
    board = load_storyboard(storyboard_wanted(brief, standing))
    return resolve("c", brief, standing, board, load_moves())


def test_wishes_for_scenes_outrank_the_storyboard_and_those_for_one_scene_all_others():
    wishes = resolved({"scene_seconds": 3, "scenes": {2: {"seconds": 5, "move": "sweep"}}})
    assert [scene.seconds for scene in wishes.storyboard.scenes] == [3, 5, 3, 3, 3, 3, 3]
    assert wishes.storyboard.scenes[1].move == "sweep"


def test_an_edit_outranks_the_brief():
    wishes = resolved({"seed": 3, "music": {"mood": "calm"}, "storyboard": "luxury_property"}, seed=9, mood="dusk",
                      storyboard="luxury_lodging")  # fmt: skip
    assert (wishes.seed, wishes.mood, wishes.storyboard.name) == (9, "dusk", "luxury_lodging")


def test_a_move_that_does_not_exist_names_the_nearest():
    with pytest.raises(BadBrief, match="'sweep'"):
        resolved({"scenes": {2: {"move": "swep"}}})


def test_a_storyboard_that_does_not_exist_names_those_that_do():
    with pytest.raises(BadBrief, match="luxury_property"):
        resolved({"storyboard": "luxury_propertie"})


def test_the_films_tags_tell_facts_of_the_property_and_nothing_of_the_brand():
    brief = parse_brief(
        {
            "client": "Agency",
            "property": {
                "name": "Villa",
                "address": "Road 1",
                "bedrooms": 3,
                "price": {"amount": 5, "currency": "EUR"},
            },
            "brand": {"agent": "Marta", "phone": "+00", "website": "villa.example", "email": "m@villa.example"},
        },
        "campaign.yaml",
    )
    tags = film_tags(brief, "villa")
    assert tags["title"] == "Villa"
    assert "Road 1 · 3 bedrooms · 5 EUR" in tags["comment"]
    for secret in ("Agency", "Marta", "+00", "villa.example"):
        assert secret not in str(tags)
