"""What a store does, whichever it is: the same tests for a folder and for a bucket."""

import hashlib
import threading

import pytest
from store_kit import Note, adopted, content, placed

from property_video.core.edits import Edit, Edits, SceneEdit
from property_video.core.errors import CampaignBusy, MissingMedia, StoreError
from property_video.core.outputs import MediaRef
from property_video.orders.budget import Budget
from property_video.store import keys
from property_video.store.edits import add_edit, read_edits
from property_video.store.leases import campaign_lease, whole_store

# --- media


def test_media_are_named_by_their_bytes(any_store):
    ref = adopted(any_store, b"film")
    sha256 = hashlib.sha256(b"film").hexdigest()
    assert ref == MediaRef(key=f"media/{sha256[:2]}/{sha256}.mp4", bytes=4)
    assert any_store.media_path(ref.key).read_bytes() == b"film"
    assert any_store.media_path(ref.key).suffix == ".mp4"
    assert any_store.holds(ref)


def test_the_same_bytes_are_kept_once(any_store):
    first = adopted(any_store, b"film")
    (before,) = any_store.walk("media")
    assert adopted(any_store, b"film") == first
    (after,) = any_store.walk("media")
    assert after == before
    assert content(any_store) == [first.key]


def test_media_that_are_cut_short_are_not_held_and_are_replaced_whole(any_store):
    ref = adopted(any_store, b"film")
    placed(any_store, ref.key, b"fi")
    assert not any_store.holds(ref)
    adopted(any_store, b"film")
    assert any_store.holds(ref)


def test_missing_media_are_told_with_a_remedy(any_store):
    for key in ("media/aa/a.mp4", keys.film("oak")):
        with pytest.raises(MissingMedia, match=rf"has no {key}\. Materialize"):
            any_store.media_path(key)
    assert not any_store.holds(MediaRef(key="media/aa/a.mp4", bytes=1))


def test_a_film_can_be_found_under_a_name_and_is_the_last_one_published(any_store):
    old, new = adopted(any_store, b"old film"), adopted(any_store, b"new film, longer")
    for ref, film in ((old, b"old film"), (new, b"new film, longer"), (new, b"new film, longer"), (old, b"old film")):
        any_store.publish(ref, keys.film("oak"))
        assert any_store.media_path(keys.film("oak")).read_bytes() == film
    with pytest.raises(MissingMedia):
        any_store.publish(MediaRef(key="media/aa/a.mp4", bytes=1), keys.film("oak"))


# --- records


def test_a_record_is_read_as_it_was_written(any_store):
    note = Note(text="Küche\n", number=1 / 3)
    any_store.write("records/a/oak.json", note)
    assert any_store.read("records/a/oak.json", Note) == note
    assert any_store.exists("records/a/oak.json")
    assert content(any_store) == ["records/a/oak.json"]


def test_a_record_that_is_not_there_is_none(any_store):
    assert any_store.read("records/a/oak.json", Note) is None
    assert any_store.read_bytes("records/a/oak.json") is None
    assert not any_store.exists("records/a/oak.json")


@pytest.mark.parametrize("found", [b"", b"{", b"\xff\xfe", b'{"text": "a", "later": 1}', b"[]"])
def test_a_record_that_cannot_be_understood_counts_as_absent(any_store, found):
    """It was written by another version of the product, or by nobody: what it stood for is made again."""
    placed(any_store, "records/a/oak.json", found)
    assert any_store.read("records/a/oak.json", Note) is None
    assert any_store.read_bytes("records/a/oak.json") == found


def test_of_many_who_create_one_record_at_once_one_wins(any_store):
    won: list[int] = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        if any_store.create("edits/oak/000001.json", Note(text="", number=number)):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert any_store.read("edits/oak/000001.json", Note).number == won[0]
    assert content(any_store) == ["edits/oak/000001.json"]


def test_removing_tells_what_it_freed(any_store):
    ref = adopted(any_store, b"film")
    assert any_store.remove(ref.key) == 4
    assert any_store.remove(ref.key) == 0


# --- listings


def test_a_folder_shows_its_keys_and_folders_sorted_and_nothing_hidden(any_store):
    for name in ("b.json", "a.json", ".partial.json", "c/d.json", "c/e.json"):
        any_store.write(f"records/a/{name}", Note(text=name))
    any_store.write("records/ab.json", Note(text="a name that begins alike"))
    assert any_store.keys("records/a") == ["records/a/a.json", "records/a/b.json", "records/a/c"]
    assert any_store.keys("records/nothing") == []


def test_a_walk_finds_everything_and_tells_by_the_tag_what_has_changed(any_store):
    for name in ("a.json", "b/c.json", ".hidden/d.json"):
        any_store.write(f"records/{name}", Note(text="1"))
    before = {entry.key: entry for entry in any_store.walk("records")}
    assert sorted(before) == ["records/a.json", "records/b/c.json"]
    any_store.write("records/a.json", Note(text="22"))
    after = {entry.key: entry for entry in any_store.walk("records")}
    assert after["records/a.json"].tag != before["records/a.json"].tag
    assert after["records/a.json"].bytes == before["records/a.json"].bytes + 1
    assert after["records/b/c.json"] == before["records/b/c.json"]


def test_files_of_a_folder_have_their_present_content(any_store):
    for name in ("b.parquet", "a.parquet", "c/d.parquet"):
        placed(any_store, f"tables/films/{name}", name.encode())
    names = [file.read_bytes() for file in any_store.files("tables/films") if file.is_file()]
    assert names == [b"a.parquet", b"b.parquet"]
    placed(any_store, "tables/films/a.parquet", b"later")
    assert any_store.files("tables/films")[0].read_bytes() == b"later"
    assert any_store.files("tables/nothing") == []


def test_an_address_names_the_key(any_store):
    assert any_store.address("films/oak.mp4").endswith("/films/oak.mp4")


# --- scratch


def test_unfinished_work_leaves_nothing(any_store):
    with pytest.raises(ZeroDivisionError), any_store.scratch("clip") as scratch:
        (scratch / "half.mp4").write_bytes(b"half")
        1 / 0  # noqa: B018
    assert content(any_store) == []
    assert not scratch.exists()


def test_sweeping_takes_no_scratch_from_those_who_work(any_store):
    with any_store.scratch("clip") as scratch:
        left = scratch.parent / "clip-left"
        left.mkdir()
        (left / "half.mp4").write_bytes(b"half")
        assert any_store.sweep_scratch() == 1
        assert scratch.is_dir()
    assert not left.exists()


# --- edits and money


def test_edits_stand_and_nobodys_is_lost(any_store):
    scenes = [f"scene_{number}" for number in range(1, 5)]
    threads = [
        threading.Thread(target=add_edit, args=(any_store, "oak", Edit(scene=scene, values={"seed": 9})))
        for scene in scenes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_edits(any_store, "oak") == Edits(scenes={scene: SceneEdit(seed=9) for scene in scenes})
    assert len(any_store.keys(keys.edits("oak"))) == 4
    assert read_edits(any_store, "elm") == Edits()


def test_an_edit_that_cannot_be_read_is_not_passed_over(any_store):
    add_edit(any_store, "oak", Edit(scene="scene_1", values={"seed": 3}))
    placed(any_store, keys.edit("oak", 1), b"torn")
    with pytest.raises(StoreError, match="is not an edit"):
        read_edits(any_store, "oak")


def test_two_who_want_the_last_dollar_at_once_do_not_both_get_it(any_store):
    granted: list[str] = []
    start = threading.Barrier(6)

    def reserve(name: str) -> None:
        budget = Budget(any_store, "oak", campaign_limit=100)
        start.wait()
        if not budget.reserve(name, 40, ("campaigns/oak",)):
            granted.append(name)

    threads = [threading.Thread(target=reserve, args=(f"intent-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 2
    assert Budget(any_store, "oak", campaign_limit=100).account("campaigns/oak").committed == 80


# --- leases


def test_a_campaign_is_held_by_one_run_at_a_time(any_store):
    with campaign_lease(any_store, "oak", "run-of-a-friend", wait_s=0):
        with (
            pytest.raises(CampaignBusy, match=r"oak is held by run run-of-a \(process \d+"),
            campaign_lease(any_store, "oak", "mine", wait_s=0),
        ):
            pass
        with campaign_lease(any_store, "elm", "mine", wait_s=0):
            pass
    with campaign_lease(any_store, "oak", "mine", wait_s=0):
        pass


def test_a_run_waits_for_its_campaign_and_says_once_for_whom(any_store):
    theirs = campaign_lease(any_store, "oak", "theirs", wait_s=0)
    theirs.__enter__()
    told: list[str] = []
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            theirs.__exit__(None, None, None)

    with campaign_lease(any_store, "oak", "mine", wait_s=60, on_wait=told.append, sleep=sleep):
        assert len(waits) == 2
    assert [line.startswith("run theirs") for line in told] == [True]


def test_processes_of_one_run_hold_its_campaign_together(any_store):
    with campaign_lease(any_store, "oak", "ours", wait_s=0):
        with campaign_lease(any_store, "oak", "ours", wait_s=0):
            pass
        with pytest.raises(CampaignBusy), campaign_lease(any_store, "oak", "another", wait_s=0):
            pass


def test_a_film_that_failed_gives_its_campaign_back(any_store):
    with pytest.raises(ZeroDivisionError), campaign_lease(any_store, "oak", "mine", wait_s=0):
        1 / 0  # noqa: B018
    with campaign_lease(any_store, "oak", "another", wait_s=0):
        pass


def test_pruning_and_making_films_shut_each_other_out(any_store):
    with campaign_lease(any_store, "oak", "mine", wait_s=0):
        with pytest.raises(CampaignBusy, match="A film is being made"), whole_store(any_store):
            pass
        with campaign_lease(any_store, "elm", "mine", wait_s=0):
            pass
    with whole_store(any_store):
        with pytest.raises(CampaignBusy, match="prune"), campaign_lease(any_store, "oak", "mine", wait_s=0):
            pass
        with pytest.raises(CampaignBusy), whole_store(any_store):
            pass
    with campaign_lease(any_store, "oak", "mine", wait_s=0):
        pass


def test_of_many_who_want_a_campaign_at_once_one_holds_it(any_store):
    held: list[str] = []
    start, over = threading.Barrier(6), threading.Barrier(6)

    def hold(run: str) -> None:
        start.wait()
        with any_store.hold("oak", run) as holder:
            if not holder:
                held.append(run)
            over.wait()

    threads = [threading.Thread(target=hold, args=(f"run-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1
