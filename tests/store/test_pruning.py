"""Pruning: old films and unreferenced media go; the last film and all takes stay."""

import os
import shutil

import pytest
from studio_kit import write_photo

from property_video.core.edits import Edit
from property_video.core.errors import CampaignBusy
from property_video.core.outputs import MediaRef
from property_video.store import keys
from property_video.store.edits import add_edit
from property_video.store.leases import campaign_lease
from property_video.store.pruning import prune


@pytest.fixture
def keep_film(store, finished):
    """Keeps a film of some name, newer than those before it; `shown` when it is its campaign's last one."""

    def keep(campaign: str, name: str, *, shown: bool = True) -> MediaRef:
        with store.scratch("test") as scratch:
            (scratch / "film.mp4").write_bytes(name.encode())
            media = store.adopt(scratch / "film.mp4")
        film = finished.film().model_copy(update={"campaign": campaign, "fingerprint": name, "media": media})
        key = keys.take(campaign, "final_video", name)
        store.write(key, film)
        moment = 1_700_000_000 + len(store.keys(keys.takes(campaign, "final_video")))
        os.utime(store.path(key), (moment, moment))
        if shown:
            store.write(keys.record("final_video", campaign), film)
            store.publish(media, keys.film(campaign))
        return media

    return keep


@pytest.mark.parametrize(("keep", "left"), [(1, "c"), (2, "bc"), (3, "abc"), (9, "abc"), (0, "c")])
def test_the_last_films_are_kept(store, keep_film, keep, left):
    media = {name: keep_film("oak", name) for name in "abc"}
    pruned = prune(store, keep)
    assert pruned.films == pruned.media == pruned.bytes == 3 - len(left)
    assert "".join(name for name, ref in media.items() if store.holds(ref)) == left
    assert store.path(keys.film("oak")).read_bytes() == b"c"


def test_a_campaigns_last_film_stays_even_when_it_is_the_oldest(store, keep_film):
    """An edit brought an old film back."""
    shown = keep_film("oak", "a")
    keep_film("oak", "b", shown=False)
    assert prune(store, 1).films == 1
    assert store.holds(shown)


def test_campaigns_are_pruned_each_for_itself(store, keep_film):
    for campaign, names in (("oak", "ab"), ("elm", "c")):
        for name in names:
            keep_film(campaign, name)
    assert prune(store, 1).films == 1
    assert store.path(keys.film("oak")).read_bytes() == b"b"
    assert store.path(keys.film("elm")).read_bytes() == b"c"


def test_an_empty_store_is_pruned_without_a_word(store):
    assert prune(store, 3).model_dump() == {"films": 0, "media": 0, "bytes": 0}


def test_nothing_is_pruned_while_a_film_is_being_made(store):
    with campaign_lease(store, "oak", "run", wait_s=0), pytest.raises(CampaignBusy):
        prune(store, 1)
    prune(store, 1)


def test_takes_stay_and_can_be_had_back_at_no_cost(studio):
    before = studio.film()
    after = studio.made("reroll_scene_1", {"scene_1": {"seed": 77}})
    pruned = prune(studio.store, 1)
    assert (pruned.films, pruned.media) == (1, 1)
    assert not studio.store.holds(before.media)
    assert studio.store.holds(after.media)

    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", reset=True))
    back = studio.made()
    assert (studio.clips.calls, studio.tracks.calls) == ([], [])
    assert back.media == before.media


def test_a_finished_film_loses_nothing_that_it_needs(studio):
    before = sorted(studio.store.path("media").rglob("*"))
    assert prune(studio.store, 1).media == 0
    assert sorted(studio.store.path("media").rglob("*")) == before


def test_photos_that_no_campaign_has_any_more_go_with_their_readings(studio):
    old = len(studio.store.keys("media"))
    assert old
    (studio.folder / "kitchen.jpg").unlink()
    write_photo(studio.folder / "kitchen.jpg", 44)
    studio.made()
    pruned = prune(studio.store, 3)
    assert (pruned.films, pruned.media) == (0, 2)  # a working copy and its preview
    shutil.rmtree(studio.folder)
    studio.made()
    assert studio.clips.calls == []
