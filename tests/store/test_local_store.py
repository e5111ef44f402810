"""The local store: whole or absent, found by content, and no bare error of the system leaves it."""

import errno
import os
from pathlib import Path

import pytest
from store_kit import Note, adopted, content

from property_video.core.errors import BadInput, StoreError, StoreFull
from property_video.store import keys

# --- media


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


def test_a_record_that_cannot_be_read_is_an_error_and_not_absent(store):
    store.path("records/a/oak.json").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"oak\.json"):
        store.read("records/a/oak.json", Note)


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(store):
    store.write("records", Note(text="a file where a folder should be"))
    with pytest.raises(StoreError, match="records"):
        store.keys("records")


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
