"""Where campaigns are dropped: a folder and a bucket tell the same; photos in a bucket are fetched to be read."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from s3_kit import S3, out_of_reach
from studio_kit import write_photo

from property_video.core.errors import BadInput, StoreError
from property_video.core.places import Bucket
from property_video.intake import bucket_uploads
from property_video.intake.bucket_uploads import BucketUploads
from property_video.intake.photos import listing_fingerprint, take_in
from property_video.intake.sources import find_source, name_source, source_address
from property_video.intake.uploads import FolderUploads, Uploads
from property_video.media.upload_files import list_upload

LATER = 2e9
"""Seconds since 1970, long after everything."""

Drop = Callable[[str, bytes], None]


class InFolder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir()
        self.uploads: Uploads = FolderUploads(root)

    def drop(self, name: str, content: bytes) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def take_away(self, name: str) -> None:
        (self.root / name).unlink()
        if not any((self.root / name).parent.iterdir()):
            (self.root / name).parent.rmdir()


class InBucket:
    def __init__(self, s3: S3, scratch: Path) -> None:
        self.s3, self.bucket = s3, s3.bucket("uploads/here")
        self.scratch = scratch
        self.uploads = BucketUploads(self.bucket, scratch)

    def drop(self, name: str, content: bytes) -> None:
        self.s3.client.put_object(Bucket=self.bucket.name, Key=f"uploads/here/{name}", Body=content)

    def take_away(self, name: str) -> None:
        self.s3.client.delete_object(Bucket=self.bucket.name, Key=f"uploads/here/{name}")

    def fetched(self) -> list[str]:
        """Grows by the key of every photo that is fetched."""
        seen: list[str] = []
        client = self.uploads._bucket.client
        client.meta.events.register(
            "before-call.s3.GetObject", lambda params, **_: seen.append(params["url_path"].rpartition("/")[2])
        )
        return seen


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> InFolder | InBucket:
    if request.param == "folder":
        return InFolder(tmp_path / "uploads")
    return InBucket(request.getfixturevalue("s3"), tmp_path / "temporary" / "scratch")


@pytest.fixture
def in_bucket(s3: S3, tmp_path: Path) -> InBucket:
    return InBucket(s3, tmp_path / "temporary" / "scratch")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_photo(tmp_path_factory.mktemp("photo") / "pool.jpg", 1, size=(640, 400)).read_bytes()


def test_every_folder_is_told_by_its_name_and_no_file(place):
    assert place.uploads.marks() == {}
    for name in ("oak/pool.jpg", "Elm Street/photos/pool.jpg", ".hidden/pool.jpg", "lost.jpg"):
        place.drop(name, b"photo")
    marks = place.uploads.marks()
    assert marks.keys() == {"oak", "Elm Street"}
    assert all(mark for mark, _ in marks.values())
    assert [place.uploads.has(name) for name in ("oak", "Elm Street", "ash")] == [True, True, False]


def test_a_folder_is_listed_by_names_and_read_when_it_is_fetched(place, photo):
    listing = {"oak/pool.jpg": photo, "oak/photos/b.jpg": photo + b" ", "oak/campaign.yaml": b"client: Ana\n"}
    for name, content in listing.items():
        place.drop(name, content)
    arrived = place.uploads.look("oak", LATER)
    folder = place.uploads.folder("oak")
    assert folder.name == "oak"
    assert {name: (folder.parent / name).read_bytes() for name in listing} == listing
    upload = list_upload(folder)
    assert [file.name for file in upload.files] == ["photos/b.jpg", "pool.jpg"]
    assert listing_fingerprint(upload) == arrived.listing == place.uploads.look("oak", LATER).listing


@pytest.mark.parametrize("change", ["comes", "goes", "other bytes of the same length", "the brief"])
def test_every_change_is_another_listing(place, change):
    for name in ("a.jpg", "b.jpg"):
        place.drop(f"oak/{name}", b"photo 1")
    before = place.uploads.look("oak", LATER).listing
    place.uploads.folder("oak")
    match change:
        case "comes":
            place.drop("oak/c.jpg", b"photo 3")
        case "goes":
            place.take_away("oak/b.jpg")
        case "other bytes of the same length":
            place.drop("oak/b.jpg", b"photo 2")
        case "the brief":
            place.drop("oak/campaign.yaml", b"client: Ana\n")
    after = place.uploads.look("oak", LATER).listing
    assert after != before
    folder = place.uploads.folder("oak")
    assert listing_fingerprint(list_upload(folder)) == after
    if change == "other bytes of the same length":
        assert (folder / "b.jpg").read_bytes() == b"photo 2"


def test_what_is_unfinished_or_ready_is_seen(place):
    place.drop("oak/a.jpg", b"photo")
    assert (place.uploads.look("oak", LATER).ready, place.uploads.look("oak", LATER).unfinished) == (False, "")
    place.drop("oak/b.jpg.part", b"pho")
    place.drop("oak/_READY", b"")
    assert (place.uploads.look("oak", LATER).ready, place.uploads.look("oak", LATER).unfinished) == (True, "b.jpg.part")


def test_a_photo_under_another_name_is_found_before_it_is_fetched(place, photo):
    place.drop("oak/a.jpg", photo)
    place.drop("oak/scan.pdf", photo + b" ")
    place.drop("oak/contract.pdf", b"%PDF-1.7")
    arrived = place.uploads.look("oak", LATER)
    upload = list_upload(place.uploads.folder("oak"))
    assert [file.name for file in upload.files] == ["a.jpg", "scan.pdf"]
    assert listing_fingerprint(upload) == arrived.listing


def test_a_source_is_told_by_its_address_and_may_be_gone(place, store, tmp_path, photo):
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(BadInput, match="has no photos"):
        find_source(store, place.uploads, "oak")
    name_source(store, place.uploads, "oak", mine)
    assert find_source(store, place.uploads, "oak") == mine
    place.drop("oak/pool.jpg", photo)
    assert source_address(store, place.uploads, "oak") == place.uploads.address("oak")
    with pytest.raises(BadInput, match="takes its photos from"):
        name_source(store, place.uploads, "oak", mine)
    folder = find_source(store, place.uploads, "oak")
    uploaded = take_in(store, folder, lambda done, total: None)
    assert [each.name for each in uploaded.photos] == ["pool.jpg"]
    assert place.uploads.name_of(place.uploads.address("oak")) == "oak"
    assert place.uploads.name_of(str(mine)) == ""
    place.take_away("oak/pool.jpg")
    assert find_source(store, place.uploads, "oak") == mine


# --- in a bucket


def test_looking_fetches_nothing_and_the_second_time_only_what_has_changed(in_bucket, photo):
    for name in ("a.jpg", "b.jpg"):
        in_bucket.drop(f"oak/{name}", photo)
    in_bucket.drop("oak/tour.mp4", bytes(1000))
    in_bucket.drop("oak/more/c.jpg", photo)
    seen = in_bucket.fetched()
    in_bucket.uploads.look("oak", LATER)
    assert seen == ["tour.mp4"], "only its first bytes: it may be a photo"
    seen.clear()
    in_bucket.uploads.folder("oak")
    assert {name for name in seen if name != "tour.mp4"} == {"a.jpg", "b.jpg"}, "and nothing that is not read"
    seen.clear()
    in_bucket.drop("oak/b.jpg", photo + b" ")
    folder = in_bucket.uploads.folder("oak")
    assert seen == ["b.jpg"]
    assert (folder / "b.jpg").read_bytes() == photo + b" "


def test_what_is_fetched_is_gone_with_the_process(in_bucket, photo):
    in_bucket.drop("oak/a.jpg", photo)
    folder = in_bucket.uploads.folder("oak")
    in_bucket.uploads.look("oak", LATER)
    in_bucket.uploads.close()
    assert not folder.exists()
    assert [file for file in in_bucket.scratch.rglob("*") if file.is_file()] == []


def test_no_object_is_written_outside_its_folder(in_bucket, photo, tmp_path):
    in_bucket.drop("oak/a.jpg", photo)
    for name in ("../../escaped.jpg", "x/../../../escaped.jpg", f"{'n' * 300}.jpg", "/escaped.jpg", "photos//b.jpg"):
        in_bucket.drop(f"oak/{name}", photo)
    folder = in_bucket.uploads.folder("oak")
    assert [file.name for file in list_upload(folder).files] == ["a.jpg"]
    assert not list(tmp_path.rglob("escaped*"))


def test_nothing_endless_is_fetched(in_bucket, photo, monkeypatch):
    monkeypatch.setattr(bucket_uploads, "LARGEST_FETCHED", len(photo))
    in_bucket.drop("oak/a.jpg", photo)
    in_bucket.drop("oak/b.jpg", photo + b" ")
    folder = in_bucket.uploads.folder("oak")
    assert (folder / "a.jpg").read_bytes() == photo
    assert (folder / "b.jpg").read_bytes() == bytes(len(photo) + 1)


def test_uploads_that_cannot_be_reached_are_never_empty(s3: S3, tmp_path: Path):
    away: Any = out_of_reach(s3.bucket("uploads"))
    for bucket in (away, replace(Bucket("no-such-bucket"), endpoint=s3.endpoint)):
        uploads = BucketUploads(bucket, tmp_path / "scratch", tries=1)
        with pytest.raises(StoreError):
            uploads.marks()
        with pytest.raises(StoreError):
            uploads.has("oak")


def test_a_folder_of_uploads_that_is_gone_is_never_empty(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot be read"):
        FolderUploads(tmp_path / "nothing").marks()


def test_the_mark_of_a_folder_changes_when_a_file_comes(tmp_path: Path):
    place = InFolder(tmp_path / "uploads")
    place.drop("oak/a.jpg", b"photo")
    os.utime(tmp_path / "uploads" / "oak", (1000, 1000))
    before = place.uploads.marks()["oak"]
    place.drop("oak/b.jpg", b"photo")
    assert place.uploads.marks()["oak"] != before
    shutil.rmtree(tmp_path / "uploads" / "oak")
    assert place.uploads.marks() == {}
