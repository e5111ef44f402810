"""Edits in the store: they outlive everything, and nobody's is lost."""

import threading

import pytest

from property_video.core.edits import Edit, Edits, SceneEdit
from property_video.core.errors import BadBrief, StoreError
from property_video.store import keys
from property_video.store.edits import add_edit, read_edits
from property_video.store.local import LocalStore


def seed(number: int, scene: str | None = "scene_1") -> Edit:
    return Edit(scene=scene, values={"seed": number})


def test_nobody_edited_anything_yet(store):
    assert read_edits(store, "oak") == Edits()


def test_edits_stand_and_outlive_the_process(store):
    assert add_edit(store, "oak", seed(3))
    assert add_edit(store, "oak", Edit(values={"mood": "calm"}))
    again = LocalStore(store.root)
    assert read_edits(again, "oak") == Edits(mood="calm", scenes={"scene_1": SceneEdit(seed=3)})
    assert read_edits(again, "elm") == Edits()


def test_what_changes_nothing_is_not_kept(store):
    assert add_edit(store, "oak", seed(3))
    assert not add_edit(store, "oak", seed(3))
    assert not add_edit(store, "oak", Edit(scene="scene_1"))
    assert len(store.keys(keys.edits("oak"))) == 1


def test_a_reset_is_an_edit_too_and_may_set_something_at_once(store):
    add_edit(store, "oak", Edit(scene="scene_1", values={"seed": 3, "move": "sweep"}))
    assert add_edit(store, "oak", Edit(scene="scene_1", values={"seed": 4}, reset=True))
    assert read_edits(store, "oak").scene("scene_1") == SceneEdit(seed=4)


def test_an_edit_that_its_check_refuses_is_not_kept(store):
    add_edit(store, "oak", seed(3))

    def refuse(standing: Edits) -> None:
        assert standing.scene("scene_1").seed == 4
        raise BadBrief("No.")

    with pytest.raises(BadBrief):
        add_edit(store, "oak", seed(4), check=refuse)
    assert read_edits(store, "oak").scene("scene_1").seed == 3


def test_of_two_who_edit_at_once_both_get_their_say(store):
    scenes = [f"scene_{number}" for number in range(1, 8)]
    threads = [threading.Thread(target=add_edit, args=(store, "oak", seed(9, scene))) for scene in scenes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: edit.seed for key, edit in read_edits(store, "oak").scenes.items()} == dict.fromkeys(scenes, 9)


def test_an_edit_that_cannot_be_read_is_told_because_leaving_it_out_would_undo_it(store):
    add_edit(store, "oak", seed(3))
    store.path(keys.edit("oak", 1)).write_text("torn")
    with pytest.raises(StoreError, match="remove it to drop that edit"):
        read_edits(store, "oak")


@pytest.mark.timeout(10)
def test_after_one_of_several_edits_was_removed_others_can_be_added(store):
    for number in range(3):
        add_edit(store, "oak", seed(number))
    store.remove(keys.edit("oak", 2))
    assert add_edit(store, "oak", seed(7))
    assert read_edits(store, "oak").scene("scene_1").seed == 7


def test_a_stray_file_among_edits_is_told(store):
    add_edit(store, "oak", seed(3))
    store.path(keys.edits("oak")).joinpath("copy of 000001.json").write_bytes(
        store.path(keys.edit("oak", 1)).read_bytes()
    )
    with pytest.raises(StoreError, match="copy of 000001"):
        read_edits(store, "oak")
