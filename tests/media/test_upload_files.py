"""What is found in a campaign's folder without opening a picture."""

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from property_video.core.errors import BadInput
from property_video.core.picture import natural_key, printable
from property_video.core.upload import MOST_FILES, Upload
from property_video.media import upload_files
from property_video.media.upload_files import list_upload


def put(folder: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def names(upload: Upload) -> list[str]:
    return [file.name for file in upload.files]


def reasons(upload: Upload) -> dict[str, str]:
    return {rejection.file: rejection.reason for rejection in upload.rejected}


def test_photos_are_listed_in_natural_order_with_their_facts(tmp_path):
    put(tmp_path, "IMG_10.jpg", "IMG_2.jpg", "img_1.JPG", "b.heic", "a.webp", content=b"12345")
    os.utime(tmp_path / "a.webp", ns=(7, 1_234_567_890_123_456_789))
    upload = list_upload(tmp_path)
    assert names(upload) == ["a.webp", "b.heic", "img_1.JPG", "IMG_2.jpg", "IMG_10.jpg"]
    first = upload.files[0]
    assert (first.path, first.file_bytes, first.mtime_ns) == (tmp_path / "a.webp", 5, 1_234_567_890_123_456_789)
    assert upload.rejected == ()
    assert upload.brief is None


def test_natural_order_is_total_and_ignores_case():
    unsorted = ["B1", "a10", "a2", "A2", "a", "", "10", "9", "a2b", "２.jpg", "²"]
    backwards = unsorted[::-1]
    assert sorted(unsorted, key=natural_key) == sorted(backwards, key=natural_key)
    assert sorted(["9", "10", "B1", "a2", "A10"], key=natural_key) == ["9", "10", "a2", "A10", "B1"]


def test_hidden_system_and_sidecar_files_are_passed_over(tmp_path):
    ignored = [".DS_Store", "._a.jpg", ".hidden.jpg", "Thumbs.db", "desktop.ini", "__MACOSX/a.jpg", "a.jpg.part"]
    ignored += [
        "b.jpg.crdownload",
        "c.tmp",
        "LICENSE",
        "README",
        "readme.md",
        "notes.txt",
        "truth.yaml",
        "a.xmp",
        "a.AAE",
    ]
    put(tmp_path, "a.jpg", *ignored)
    upload = list_upload(tmp_path)
    assert names(upload) == ["a.jpg"]
    assert upload.rejected == ()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        *(
            (f"a.{suffix}", "Export it as JPEG")
            for suffix in ("CR2", "nef", "dng", "tif", "TIFF", "psd", "svg", "pdf", "gif")
        ),
        ("tour.mp4", "Upload photos"),
        ("photos.zip", "Unpack"),
        ("contract.docx", "as JPEG"),
    ],
)
def test_what_is_not_read_is_rejected_by_its_name_with_a_remedy(tmp_path, name, remedy):
    put(tmp_path, name)
    (rejection,) = list_upload(tmp_path).rejected
    assert rejection.file == name
    assert rejection.reason.endswith(".")
    assert remedy in rejection.remedy


def test_sounds_are_set_apart_neither_photos_nor_rejected(tmp_path):
    put(tmp_path, "pool.jpg", "b.M4A", "a.mp3", "photos/c.opus")
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.wav", "JPEG")
    upload = list_upload(tmp_path)
    assert names(upload) == ["picture.wav", "pool.jpg"]
    assert [sound.name for sound in upload.sounds] == ["a.mp3", "b.M4A", "photos/c.opus"]
    assert upload.rejected == ()


def test_a_photo_with_the_suffix_of_something_else_is_a_candidate(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.tif", "JPEG")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.tif", "TIFF")
    upload = list_upload(tmp_path)
    assert names(upload) == ["a.tif"]
    assert list(reasons(upload)) == ["b.tif"]


def test_files_of_unknown_or_no_suffix_are_candidates(tmp_path):
    put(tmp_path, "DSC_0001", "photo.jpg_large", "photo.jpg!d")
    assert len(list_upload(tmp_path).files) == 3


@pytest.mark.parametrize("folder", ["photos", "Photos"])
def test_the_subfolder_photos_is_read_too(tmp_path, folder):
    put(tmp_path, "z.jpg", f"{folder}/b.jpg", f"{folder}/a.jpg", f"{folder}/old/c.jpg", f"{folder}/.x", content=b"x")
    upload = list_upload(tmp_path)
    assert names(upload) == [f"{folder}/a.jpg", f"{folder}/b.jpg", "z.jpg"]
    assert reasons(upload) == {f"{folder}/old": "is a subfolder, which is not read."}


def test_other_subfolders_with_pictures_are_named_and_those_without_are_not(tmp_path):
    put(tmp_path, "a.jpg", "raw/a.CR2", "deep/er/b.png", "papers/contract.docx", "empty/.keep", ".git/x.jpg")
    assert list(reasons(list_upload(tmp_path))) == ["deep", "raw"]


@pytest.mark.parametrize("name", ["campaign.yaml", "campaign.yml"])
def test_the_brief_is_found_and_is_no_photo(tmp_path, name):
    put(tmp_path, "a.jpg", name)
    upload = list_upload(tmp_path)
    assert upload.brief == tmp_path / name
    assert names(upload) == ["a.jpg"]


def test_a_second_brief_is_named(tmp_path):
    put(tmp_path, "a.jpg", "campaign.yaml", "campaign.yml")
    upload = list_upload(tmp_path)
    assert upload.brief == tmp_path / "campaign.yaml"
    assert "campaign.yaml is there" in reasons(upload)["campaign.yml"]


def test_a_brief_alone_is_no_error_here(tmp_path):
    put(tmp_path, "campaign.yaml")
    assert list_upload(tmp_path).files == ()


def test_links_within_the_folder_are_followed_and_others_are_not(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    put(inside, "a.jpg", "sub/hidden.jpg")
    put(outside, "secret.jpg")
    (inside / "b.jpg").symlink_to("a.jpg")
    (inside / "c.jpg").symlink_to(outside / "secret.jpg")
    (inside / "d.jpg").symlink_to("nowhere.jpg")
    (inside / "e.jpg").symlink_to("e.jpg")
    (inside / "f").symlink_to("sub")
    (inside / "photos").symlink_to(outside)
    upload = list_upload(inside)
    assert names(upload) == ["a.jpg", "b.jpg"]
    assert reasons(upload)["c.jpg"] == reasons(upload)["photos"] == "is a link that leads out of the folder."
    assert set(reasons(upload)) == {"c.jpg", "d.jpg", "e.jpg", "f", "photos", "sub"}


def test_a_brief_that_is_a_link_out_of_the_folder_is_refused(tmp_path):
    put(tmp_path / "inside", "a.jpg")
    put(tmp_path, "secret.yaml")
    (tmp_path / "inside" / "campaign.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(BadInput, match="leads out"):
        list_upload(tmp_path / "inside")


def test_the_folder_itself_may_be_a_link(tmp_path):
    put(tmp_path / "real", "a.jpg")
    (tmp_path / "real" / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert names(list_upload(tmp_path / "link")) == ["a.jpg", "b.jpg"]


def test_special_files_never_block(tmp_path, monkeypatch):
    put(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe.tif")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        upload = list_upload(tmp_path)
    assert names(upload) == ["a.jpg"]
    assert set(reasons(upload).values()) == {"is not a regular file."}


def test_empty_and_unreadable_files_are_rejected(tmp_path, monkeypatch):
    put(tmp_path, "a.jpg", "locked.jpg")
    put(tmp_path, "empty.jpg", content=b"")
    monkeypatch.setattr(upload_files.os, "access", lambda path, mode: "locked" not in str(path))
    upload = list_upload(tmp_path)
    assert names(upload) == ["a.jpg"]
    assert reasons(upload) == {"empty.jpg": "is empty.", "locked.jpg": "cannot be read: permission denied."}


def test_any_odd_name_is_listed_and_can_be_written_as_json(tmp_path):
    odd = ["with space.jpg", "Küche 厨房 🏠.jpg", "new\nline.jpg", "-rf.jpg", "x" * 251 + ".jpg"]
    put(tmp_path, *odd)
    (tmp_path / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(b"x")
    upload = list_upload(tmp_path)
    assert set(names(upload)) == {*odd, "latin-\\xe9.jpg"}
    assert all(file.path.exists() for file in upload.files)
    assert Upload.model_validate_json(upload.model_dump_json()).rejected == ()


def test_printable_names_are_unicode_and_leave_others_alone():
    assert printable("Küche\n🏠") == "Küche\n🏠"
    assert printable(os.fsdecode(b"\xff\xc3\xa9")) == "\\xffé"


def test_the_listing_is_the_same_each_time(tmp_path):
    put(tmp_path, *(f"{number}.jpg" for number in range(40)), "a.tif", "b.psd")
    assert list_upload(tmp_path) == list_upload(tmp_path)


def test_five_hundred_photos_are_listed_and_one_more_is_refused(tmp_path):
    put(tmp_path, *(f"{number}.jpg" for number in range(MOST_FILES)))
    assert len(list_upload(tmp_path).files) == MOST_FILES
    put(tmp_path, "one more.jpg")
    with pytest.raises(BadInput, match="501"):
        list_upload(tmp_path)


@pytest.mark.parametrize("content", [[], [".DS_Store"], ["notes.txt"], ["photos/Thumbs.db"]])
def test_an_empty_folder_is_refused(tmp_path, content):
    put(tmp_path, *content)
    with pytest.raises(BadInput, match="is empty"):
        list_upload(tmp_path)


def test_what_is_no_readable_folder_is_refused_with_one_line(tmp_path, monkeypatch):
    put(tmp_path, "a.jpg")
    with pytest.raises(BadInput, match="does not exist"):
        list_upload(tmp_path / "missing")
    with pytest.raises(BadInput, match="not a folder"):
        list_upload(tmp_path / "a.jpg")
    with pytest.raises(BadInput, match="cannot be read"):
        list_upload(tmp_path / ("x" * 300))

    def denied(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(upload_files.os, "scandir", denied)
    with pytest.raises(BadInput, match="permission denied") as caught:
        list_upload(tmp_path)
    assert "\n" not in str(caught.value)
