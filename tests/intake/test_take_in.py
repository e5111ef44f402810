"""Taking photos in: each file gets a reading or a reason, and nothing is read twice."""

import os
import shutil
from pathlib import Path

import pytest
from studio_kit import write_photo

from property_video.core.errors import BadBrief, BadInput, NoUsablePhoto
from property_video.core.fingerprints import VERSIONS
from property_video.core.photo import UploadedPhotos
from property_video.intake import photos as intake
from property_video.intake.briefs import LARGEST_BRIEF, read_brief
from property_video.intake.photos import analyse, listing_fingerprint, take_in
from property_video.intake.sources import find_source, name_source
from property_video.intake.uploads import open_uploads
from property_video.media.upload_files import list_upload
from property_video.media.weights import PACKAGE
from property_video.store import keys


def silent(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def folder(tmp_path) -> Path:
    for seed, name in enumerate(("pool", "bedroom", "kitchen"), start=1):
        write_photo(tmp_path / "photos of oak" / f"{name}.jpg", seed, size=(900, 600))
    return tmp_path / "photos of oak"


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that are decoded from here on."""
    names: list[str] = []
    real = intake.PhotoWorkers.prepare_many

    def prepare_many(self, jobs, on_done=None):
        names.extend(job.source.name for job in jobs)
        return real(self, jobs, on_done=on_done)

    monkeypatch.setattr(intake.PhotoWorkers, "prepare_many", prepare_many)
    return names


def rejected(found: UploadedPhotos) -> dict[str, str]:
    return {each.file: each.reason for each in found.rejected}


def test_photos_are_taken_in_with_a_working_copy_and_a_preview_each(store, folder):
    told: list[tuple[int, int]] = []
    found = take_in(store, folder, lambda done, total: told.append((done, total)))
    assert [photo.name for photo in found.photos] == ["bedroom.jpg", "kitchen.jpg", "pool.jpg"]
    assert {(photo.reading.width, photo.reading.height) for photo in found.photos} == {(900, 600)}
    assert all(store.media_path(key).is_file() for photo in found.photos for key in (photo.working, photo.preview))
    assert found.found == 0
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_photos_are_found_again_without_decoding_whatever_they_are_called(store, folder, decoded):
    first = take_in(store, folder, silent)
    assert sorted(decoded) == ["bedroom.jpg", "kitchen.jpg", "pool.jpg"]
    decoded.clear()
    (folder / "pool.jpg").rename(folder / "swimming.jpg")
    again = take_in(store, folder, silent)
    assert decoded == []
    assert again.found == 3
    assert again.photo("swimming.jpg").working == first.photo("pool.jpg").working


def test_a_changed_photo_is_read_again_and_no_other(store, folder, decoded):
    first = take_in(store, folder, silent)
    decoded.clear()
    write_photo(folder / "pool.jpg", 9, size=(900, 600))
    again = take_in(store, folder, silent)
    assert decoded == ["pool.jpg"]
    assert again.found == 2
    assert again.listing != first.listing


def test_a_photo_whose_copies_are_lost_is_read_again(store, folder, decoded):
    first = take_in(store, folder, silent)
    store.remove(first.photo("pool.jpg").preview)
    decoded.clear()
    assert take_in(store, folder, silent).photos == first.photos
    assert decoded == ["pool.jpg"]


def test_the_same_bytes_twice_are_one_photo(store, folder, decoded):
    shutil.copy(folder / "pool.jpg", folder / "zz copy.JPG")
    found = take_in(store, folder, silent)
    assert rejected(found) == {"zz copy.JPG": "is the same file as pool.jpg."}
    assert len(found.photos) == len(decoded) == 3


def test_a_broken_photo_never_stops_a_listing(store, folder):
    whole = (folder / "pool.jpg").read_bytes()
    (folder / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<html></html>")
    (folder / "empty.jpg").touch()
    write_photo(folder / "tiny.jpg", 5, size=(400, 300))
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    found = take_in(store, folder, silent)
    assert len(found.photos) == 3
    assert rejected(found).keys() == {"torn.jpg", "page.jpg", "empty.jpg", "tiny.jpg", "gone.jpg"}
    assert all(each.reason and each.remedy for each in found.rejected)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such file")])
def test_a_photo_that_cannot_be_opened_any_more_never_stops_a_listing(store, folder, monkeypatch, error):
    """Its rights or the file itself went between the listing and the reading."""
    real = intake.sha256_of

    def sha256_of(file: Path) -> str:
        if file.name == "pool.jpg":
            raise error
        return real(file)

    monkeypatch.setattr(intake, "sha256_of", sha256_of)
    found = take_in(store, folder, silent)
    assert len(found.photos) == 2
    assert rejected(found) == {"pool.jpg": f"cannot be read: {error.strerror.lower()}."}


def test_no_usable_photo_says_why_for_each(store, tmp_path):
    folder = tmp_path / "oak"
    folder.mkdir()
    (folder / "page.jpg").write_text("<html></html>")
    (folder / "empty.jpg").touch()
    with pytest.raises(NoUsablePhoto) as told:
        take_in(store, folder, silent)
    assert "empty.jpg is empty." in str(told.value)
    assert "page.jpg is not a picture" in str(told.value)
    assert "Add photos" in told.value.remedy


def test_the_folder_is_only_read(store, folder):
    folder.chmod(0o555)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    take_in(store, folder, silent)
    folder.chmod(0o755)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_the_listing_follows_names_sizes_times_and_the_brief(folder):
    def listing() -> str:
        return listing_fingerprint(list_upload(folder))

    seen = [listing()]
    assert listing() == seen[0]
    os.utime(folder / "pool.jpg", (1, 1))
    seen.append(listing())
    (folder / "pool.jpg").rename(folder / "swimming.jpg")
    seen.append(listing())
    (folder / "campaign.yaml").write_text("client: A\n")
    seen.append(listing())
    os.utime(folder / "campaign.yaml", (1, 1))
    seen.append(listing())
    (folder / "kitchen.jpg").unlink()
    seen.append(listing())
    assert len(set(seen)) == len(seen)


# --- what photos look like


def test_photos_are_measured_once(store, folder):
    uploaded = take_in(store, folder, silent)
    first = analyse(store, uploaded, {}, silent)
    assert (first.found, [verdict.room for verdict in first.verdicts]) == (0, ["bedroom", "kitchen", "pool"])
    again = analyse(store, uploaded, {"pool": "garden"}, silent)
    assert (again.found, again.verdicts[2].room) == (3, "garden")
    assert [verdict.look for verdict in again.verdicts] == [verdict.look for verdict in first.verdicts]


def test_the_same_picture_saved_anew_is_a_duplicate(store, folder):
    from PIL import Image

    with Image.open(folder / "pool.jpg") as image:
        image.resize((750, 500)).save(folder / "pool small.jpg", quality=70)
    uploaded = take_in(store, folder, silent)
    verdicts = analyse(store, uploaded, {}, silent).verdicts
    assert {v.name: v.duplicate_of for v in verdicts if v.duplicate_of} == {"pool small.jpg": "pool.jpg"}


def test_a_room_for_a_photo_that_is_not_there_is_told(store, folder):
    uploaded = take_in(store, folder, silent)
    with pytest.raises(BadBrief, match=r"Did you mean 'kitchen\.jpg'"):
        analyse(store, uploaded, {"kitchn": "kitchen"}, silent)


def test_what_another_version_measured_is_measured_again(store, folder, monkeypatch):
    uploaded = take_in(store, folder, silent)
    analyse(store, uploaded, {}, silent)
    monkeypatch.setitem(VERSIONS, "look", VERSIONS["look"] + 1)
    assert analyse(store, uploaded, {}, silent).found == 0


def test_without_the_network_words_tell_rooms_and_looks_are_taken_anew_once_it_is_there(
    store, folder, tmp_path, monkeypatch
):
    (folder / "pool.jpg").rename(folder / "IMG_1.jpg")
    uploaded = take_in(store, folder, silent)
    with monkeypatch.context() as without:
        hidden = tmp_path / "modules"
        hidden.mkdir()
        (hidden / f"{PACKAGE}.py").touch()
        without.setenv("PYTHONPATH", str(hidden), prepend=os.pathsep)
        first, again = (analyse(store, uploaded, {}, silent) for _ in range(2))
    assert "is not installed" in first.warning
    assert {v.name: (v.room, v.room_source) for v in first.verdicts} == {
        "IMG_1.jpg": ("other", "unknown"),
        "bedroom.jpg": ("bedroom", "file name"),
        "kitchen.jpg": ("kitchen", "file name"),
    }
    assert (first.found, again.found) == (0, 0)
    later = analyse(store, uploaded, {}, silent)
    assert (later.warning, later.found) == ("", 0)
    assert all(verdict.look.rooms for verdict in later.verdicts)


# --- where photos come from


def test_a_folder_under_uploads_is_the_source_as_long_as_it_is_there(store, tmp_path, folder):
    uploads = tmp_path / "uploads"
    with pytest.raises(BadInput, match="has no photos"):
        find_source(store, open_uploads(uploads), "oak")
    name_source(store, open_uploads(uploads), "oak", folder)
    assert find_source(store, open_uploads(uploads), "oak") == folder
    (uploads / "oak").mkdir(parents=True)
    assert find_source(store, open_uploads(uploads), "oak") == uploads / "oak"
    with pytest.raises(BadInput, match="takes its photos from"):
        name_source(store, open_uploads(uploads), "oak", folder)


def test_a_folder_under_uploads_that_is_gone_was_the_source(store, tmp_path, folder):
    uploads = tmp_path / "uploads"
    shutil.move(folder, uploads / "oak")
    store.write(keys.record("uploaded_photos", "oak"), take_in(store, uploads / "oak", silent))
    shutil.rmtree(uploads / "oak")
    assert find_source(store, open_uploads(uploads), "oak") == uploads / "oak"


# --- the brief


def test_without_a_brief_nothing_is_wished_for():
    assert read_brief(None).model_dump(exclude_defaults=True) == {}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"client: [", "not valid YAML in line"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"- a\n- b\n", "`key: value` lines"),
        (b"clinet: A\n", "Did you mean 'client'"),
        (b"#" * (LARGEST_BRIEF + 1), "larger than 256 kB"),
        (b"a: &a [b]\nclient: !!python/object:os.system {}\n", "not valid YAML"),
    ],
)
def test_a_brief_that_cannot_be_understood_says_why(tmp_path, content, word):
    file = tmp_path / "campaign.yaml"
    file.write_bytes(content)
    with pytest.raises(BadBrief, match=word):
        read_brief(file)


def test_a_brief_that_is_gone_is_told(tmp_path):
    with pytest.raises(BadBrief, match=r"campaign\.yaml: No such file"):
        read_brief(tmp_path / "campaign.yaml")


def test_a_brief_saved_by_windows_is_read(tmp_path):
    file = tmp_path / "campaign.yaml"
    file.write_bytes("\ufeffclient: Küste\r\n".encode())
    assert read_brief(file).client == "Küste"
