import pytest

from property_video.core.edits import Edit, Edits, SceneEdit, checked_edit, fold, news
from property_video.core.errors import BadBrief

MOVES = ("push_in", "sweep")
BOARDS = ("luxury_property",)


def test_later_edits_win_and_earlier_ones_that_they_do_not_name_stand():
    events = [
        Edit(scene="scene_3", values={"first": "a.jpg", "seed": 1}),
        Edit(values={"seed": 7}),
        Edit(scene="scene_3", values={"seed": 2}),
    ]
    assert fold(events) == Edits(seed=7, scenes={"scene_3": SceneEdit(first="a.jpg", seed=2)})


def test_a_reset_clears_what_stood_for_its_scene_alone():
    events = [
        Edit(scene="scene_3", values={"seed": 1}),
        Edit(scene="scene_4", values={"seed": 1}),
        Edit(scene="scene_3", reset=True),
    ]
    assert fold(events) == Edits(scenes={"scene_4": SceneEdit(seed=1)})


def test_only_what_changes_something_is_news():
    standing = Edits(scenes={"scene_3": SceneEdit(seed=4)})
    assert news(standing, {"seed": 4}, "scene_3") == {}
    assert news(standing, {"seed": 5}, "scene_3") == {"seed": 5}
    assert news(standing, {"seed": 4}, None) == {"seed": 4}


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (Edit(scene="scene_9"), "scene_9"),
        (Edit(scene="scene_1", values={"move": "swep"}), "sweep"),
        (Edit(scene="scene_1", values={"seed": -1}), "seed"),
        (Edit(scene="scene_1", values={"mood": "calm"}), "unknown key"),
        (Edit(values={"storyboard": "luxury"}), "luxury_property"),
        (Edit(values={"mood": "sad"}), "mood"),
    ],
)
def test_an_edit_that_breaks_a_rule_says_which(edit, word):
    with pytest.raises(BadBrief, match=word):
        checked_edit(edit, MOVES, BOARDS)
