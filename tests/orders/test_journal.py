"""The journal: nothing is overwritten, nothing is left out, nothing is secret."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from wallet_world import CAMPAIGN, START, World

from property_video.core.errors import StoreError
from property_video.core.ledger import Claimed, Fell, OrderState, Owner, Skipped
from property_video.orders.journal import Journal, Overtaken
from property_video.store import keys
from property_video.store.base import Store

OWNER = Owner(host="here", pid=1, started="1")
CLAIMED = Claimed(at=START, owner=OWNER)


@pytest.fixture
def store(any_store: Store) -> Store:
    """A journal asks the same of every store."""
    return any_store


def test_nothing_was_ordered_yet(store: Store):
    journal = Journal(store, CAMPAIGN)
    assert journal.orders() == ()
    assert journal.state("scene_1") == OrderState()
    assert list(journal.lines()) == []


def test_what_was_written_is_there_for_the_next_process(store: Store):
    Journal(store, CAMPAIGN).append("scene_1", CLAIMED)
    state = Journal(store, CAMPAIGN).append("scene_1", Skipped(at=START, rung="fast", reason="no key"))
    assert (state.events, state.owner, state.skipped) == (2, OWNER, {"fast": "no key"})
    assert Journal(store, CAMPAIGN).orders() == ("scene_1",)
    assert Journal(store, "elm").orders() == ()


def test_of_two_that_write_at_once_one_is_told_and_reads_again(store: Store):
    one, other = Journal(store, CAMPAIGN), Journal(store, CAMPAIGN)
    assert one.state("scene_1") == other.state("scene_1")
    one.append("scene_1", CLAIMED)
    with pytest.raises(Overtaken):
        other.append("scene_1", CLAIMED)
    assert other.state("scene_1").events == 0, "it goes on from what it has read"
    assert other.refresh("scene_1").owner == OWNER
    other.append("scene_1", Fell(at=START, reason="x", output="y"))
    assert one.refresh("scene_1").closed


def test_an_event_that_does_not_follow_is_not_written(store: Store):
    journal = Journal(store, CAMPAIGN)
    journal.append("scene_1", CLAIMED)
    journal.append("scene_1", Fell(at=START, reason="x", output="y"))
    with pytest.raises(StoreError, match="does not follow"):
        journal.append("scene_1", CLAIMED)
    assert len(list(journal.events("scene_1"))) == 2


@pytest.mark.parametrize("damage", ["removed", "torn", "foreign"])
def test_a_journal_with_a_hole_is_not_acted_upon(store: Store, tmp_path: Path, damage: str):
    journal = Journal(store, CAMPAIGN)
    for _ in range(3):
        journal.append("scene_1", CLAIMED)
    second = keys.journal_entry(CAMPAIGN, "scene_1", 2)
    torn = tmp_path / "torn.json"
    torn.write_text('{"kind": "claim')
    match damage:
        case "removed":
            store.remove(second)
        case "torn":
            store.place(torn, second)
        case "foreign":
            store.remove(second)
            store.place(torn, f"journal/{CAMPAIGN}/scene_1/notes.json")
    with pytest.raises(StoreError, match=r"000002|notes"):
        Journal(store, CAMPAIGN).state("scene_1")


def test_people_and_their_tools_can_read_it(store: Store):
    journal = Journal(store, CAMPAIGN)
    journal.append("scene_1", CLAIMED)
    (line,) = journal.lines()
    assert json.loads(line) == {
        "order": "scene_1", "kind": "claimed", "at": "2026-11-20T09:00:00Z",
        "owner": {"host": "here", "pid": 1, "started": "1"},
    }  # fmt: skip


def test_an_owner_is_silent_since_its_last_sign_of_life(store: Store):
    journal = Journal(store, CAMPAIGN)
    assert journal.silent_s(OWNER, START) == float("inf")
    journal.sign_life(OWNER, START)
    assert journal.silent_s(OWNER, START + timedelta(seconds=50)) == 50
    journal.sign_off(OWNER)
    assert journal.silent_s(OWNER, START) == float("inf")


def test_a_journal_of_thousands_of_events_is_read_once(tmp_path: Path):
    world = World(tmp_path)
    journal = world.journal()
    for _ in range(200):
        journal.append("scene_1", CLAIMED)
    crossed = world.crossed
    journal.append("scene_1", CLAIMED)
    assert world.crossed - crossed == 2
