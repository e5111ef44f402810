"""The local store: whole or absent, found by content, and no bare error of the system leaves it."""

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from property_video.core.errors import BadInput, MissingMedia, StoreError, StoreFull
from property_video.core.outputs import MediaRef
from property_video.core.records import Record
from property_video.store import keys
from property_video.store.local import LocalStore


class Note(Record):
    text: str
    number: float = 0.1


def content(store: LocalStore) -> list[str]:
    """What is in the store, without locks and empty folders."""
    files = (path for path in store.root.rglob("*") if path.is_file())
    return sorted(path.relative_to(store.root).as_posix() for path in files if path.suffix != ".lock")


def adopted(store: LocalStore, data: bytes, suffix: str = ".mp4") -> MediaRef:
    with store.scratch("test") as scratch:
        file = scratch / f"made{suffix}"
        file.write_bytes(data)
        return store.adopt(file)


# --- media


def test_media_are_named_by_their_bytes(store):
    ref = adopted(store, b"film")
    sha256 = hashlib.sha256(b"film").hexdigest()
    assert ref == MediaRef(key=f"media/{sha256[:2]}/{sha256}.mp4", bytes=4)
    assert store.media_path(ref.key).read_bytes() == b"film"
    assert store.holds(ref)


def test_the_same_bytes_are_kept_once(store):
    first = adopted(store, b"film")
    before = store.media_path(first.key).stat()
    assert adopted(store, b"film") == first
    after = store.media_path(first.key).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert content(store) == [first.key]


def test_a_file_cut_short_is_not_held_and_is_replaced_whole(store):
    ref = adopted(store, b"film")
    store.path(ref.key).write_bytes(b"fi")
    assert not store.holds(ref)
    adopted(store, b"film")
    assert store.holds(ref)


def test_missing_media_are_told_with_a_remedy(store):
    with pytest.raises(MissingMedia, match=r"has no media/aa/a\.mp4\. Materialize"):
        store.media_path("media/aa/a.mp4")
    assert not store.holds(MediaRef(key="media/aa/a.mp4", bytes=1))


def test_a_film_can_be_found_under_a_name_and_costs_no_space_twice(store):
    old, new = adopted(store, b"old film"), adopted(store, b"new film")
    for ref in (old, new, new):
        store.publish(ref, keys.film("oak"))
        assert store.path(keys.film("oak")).samefile(store.media_path(ref.key))
    assert store.path(keys.film("oak")).read_bytes() == b"new film"
    assert store.media_path(old.key).read_bytes() == b"old film"


def test_where_links_do_not_work_a_named_film_is_a_copy(store, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    ref = adopted(store, b"film")
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store.publish(ref, keys.film("oak"))
    assert store.path(keys.film("oak")).read_bytes() == b"film"


# --- records


def test_a_record_is_read_as_it_was_written(store):
    note = Note(text="Küche\n", number=1 / 3)
    store.write("records/a/oak.json", note)
    assert store.read("records/a/oak.json", Note) == note
    assert content(store) == ["records/a/oak.json"]


def test_a_record_that_is_not_there_is_none(store):
    assert store.read("records/a/oak.json", Note) is None


@pytest.mark.parametrize("found", [b"", b"{", b"\xff\xfe", b'{"text": "a", "later": 1}', b"[]"])
def test_a_record_that_cannot_be_understood_counts_as_absent(store, found):
    """It was written by another version of the product, or by nobody: what it stood for is made again."""
    path = store.path("records/a/oak.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(found)
    assert store.read("records/a/oak.json", Note) is None


def test_a_record_that_cannot_be_read_is_an_error_and_not_absent(store):
    store.path("records/a/oak.json").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"oak\.json"):
        store.read("records/a/oak.json", Note)


def test_of_many_who_create_one_record_at_once_one_wins(store):
    won: list[int] = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        if store.create("edits/oak/000001.json", Note(text="", number=number)):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.read("edits/oak/000001.json", Note).number == won[0]
    assert content(store) == ["edits/oak/000001.json"]


def test_keys_are_sorted_and_hidden_files_are_none(store):
    for name in ("b.json", "a.json", ".partial.json"):
        store.write(f"records/a/{name}", Note(text=name))
    assert store.keys("records/a") == ["records/a/a.json", "records/a/b.json"]
    assert store.keys("records/nothing") == []


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(store):
    store.write("records", Note(text="a file where a folder should be"))
    with pytest.raises(StoreError, match="records"):
        store.keys("records")


def test_removing_tells_what_it_freed(store):
    ref = adopted(store, b"film")
    assert store.remove(ref.key) == 4
    assert store.remove(ref.key) == 0


# --- scratch


def test_unfinished_work_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.scratch("clip") as scratch:
        (scratch / "half.mp4").write_bytes(b"half")
        1 / 0  # noqa: B018
    assert content(store) == []
    assert list(store.path(keys.SCRATCH).iterdir()) == []


def test_sweeping_takes_no_scratch_from_those_who_work(store):
    left = store.path(keys.SCRATCH) / "clip-left"
    left.mkdir(parents=True)
    (left / "half.mp4").write_bytes(b"half")
    with store.scratch("clip") as scratch:
        assert store.sweep_scratch() == 1
        assert scratch.is_dir()
    assert not left.exists()


# --- what goes wrong


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EACCES, StoreError)]
)
def test_a_disk_that_refuses_is_told_and_leaves_nothing_half_written(store, monkeypatch, code, kind):
    old = Note(text="old")
    store.write("records/a/oak.json", old)

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(kind) as told:
            store.write("records/a/oak.json", Note(text="new"))
        with pytest.raises(kind):
            adopted(store, b"film")
    assert type(told.value) is kind
    assert told.value.remedy
    assert store.read("records/a/oak.json", Note) == old
    assert content(store) == ["records/a/oak.json"]


# --- keys


@pytest.mark.parametrize("name", ["", "..", "../oak", "a/b", "Oak", "oak\n", "a" * 64])
@pytest.mark.parametrize(
    "build",
    [
        keys.edits,
        keys.source,
        keys.film,
        keys.lease,
        lambda name: keys.record("final_video", name),
        lambda name: keys.table("films", name),
        lambda name: keys.takes(name, "scene_1"),
    ],
)
def test_no_key_is_built_from_a_name_that_is_no_campaign(build, name):
    with pytest.raises(BadInput):
        build(name)
