"""The store's layout: older ones are brought up with a backup, whatever is cut off; later ones are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from store_kit import Note, content, placed

from property_video.core.errors import CampaignBusy, StoreError
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.layout import STEPS, Change, Layout, brought_up
from property_video.store.leases import campaign_lease
from property_video.store.opening import open_store

OLD = b'{"text": "old"}'
NEW = b'{"text": "new", "number": 2.0}'


def marked(store: Store) -> Iterator[Change]:
    yield from ()


def renamed(store: Store) -> Iterator[Change]:
    """Notes move to another folder and say something else."""
    for key in store.keys("old"):
        yield Change(key.replace("old/", "new/"), NEW)
        yield Change(key, None)


TWO = (marked, renamed)


@pytest.fixture
def old(any_store: Store) -> Store:
    for name in ("a", "b"):
        placed(any_store, f"old/{name}.json", OLD)
    return any_store


def layout_of(store: Store) -> int:
    found = store.read(keys.LAYOUT, Layout)
    return found.version if found else 0


def test_a_store_that_carries_no_number_gets_one_and_is_not_changed_otherwise(old: Store):
    before = content(old)
    assert brought_up(old) is old
    assert layout_of(old) == len(STEPS) == 1
    assert content(old) == sorted([*before, keys.LAYOUT])


def test_an_empty_store_is_left_empty(any_store: Store):
    brought_up(any_store)
    assert content(any_store) == []


def test_an_older_store_is_brought_up_and_what_it_held_is_kept(old: Store):
    brought_up(old, TWO)
    assert layout_of(old) == 2
    assert old.keys("old") == []
    assert [old.read(key, Note) for key in old.keys("new")] == [Note(text="new", number=2.0)] * 2
    backups = old.keys("backups/layout-1/old")
    assert [old.read_bytes(key) for key in backups] == [OLD, OLD]
    before = {entry.key: entry.tag for entry in old.walk("")}
    brought_up(old, TWO)
    assert {entry.key: entry.tag for entry in old.walk("")} == before, "a second time changes nothing"


def test_a_step_that_was_cut_off_is_taken_again_and_its_backup_stays(old: Store, monkeypatch: pytest.MonkeyPatch):
    place, left = type(old).place, [3]

    def until(store: Store, file: Any, key: str) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        place(store, file, key)

    with monkeypatch.context() as patch:
        patch.setattr(type(old), "place", until)
        with pytest.raises(KeyboardInterrupt):
            brought_up(old, TWO)
    assert layout_of(old) < 2
    brought_up(old, TWO)
    assert (layout_of(old), old.keys("old"), len(old.keys("new"))) == (2, [], 2)
    assert {old.read_bytes(key) for key in old.keys("backups/layout-1/old")} == {OLD}


def test_nothing_is_changed_while_a_film_is_made(old: Store):
    with campaign_lease(old, "oak", "theirs", wait_s=0):
        with pytest.raises(CampaignBusy):
            brought_up(old, TWO)
        assert brought_up(old) is old, "where nothing is to be changed nobody waits"
    assert len(old.keys("old")) == 2


def test_a_later_store_is_refused_with_a_clear_line(any_store: Store):
    any_store.write(keys.LAYOUT, Layout(version=7))
    with pytest.raises(StoreError, match=r"has layout 7, and this version of the product knows up to 1\. Update"):
        brought_up(any_store)
    placed(any_store, keys.LAYOUT, b'{"version": 7, "more": true}')
    with pytest.raises(StoreError, match="tells no layout that this version of the product knows"):
        brought_up(any_store)


def test_opening_a_store_looks_at_its_layout(store: Store, settings):
    placed(store, "records/a.json", OLD)
    assert layout_of(open_store(settings.store)) == 1
    store.write(keys.LAYOUT, Layout(version=7))
    with pytest.raises(StoreError, match="Update the product"):
        open_store(settings.store)
