"""A client's own track beside the brief: found, checked, taken in once, and never mistaken for a photo."""

import wave
from pathlib import Path

import numpy as np
import pytest
from studio_kit import write_photo

from property_video.core.brief import Brief, Music
from property_video.core.errors import BadInput
from property_video.core.recording import Recording
from property_video.intake import music as intake
from property_video.intake.music import find_music, take_in_music
from property_video.intake.photos import listing_fingerprint, take_in
from property_video.media.upload_files import list_upload

RATE = 48_000


def write_song(path: Path, seconds: float = 5.0, level: float = 0.3) -> Path:
    t = np.arange(round(seconds * RATE)) / RATE
    sound = level * np.sin(2 * np.pi * 220 * t) * np.exp(-(t % 0.5) / 0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def asking_for(name: str) -> Brief:
    return Brief(music=Music(file=name))


def taken(store, folder: Path, name: str) -> Recording | None:
    return take_in_music(store, list_upload(folder), asking_for(name))


@pytest.fixture
def folder(tmp_path) -> Path:
    write_song(tmp_path / "oak" / "song.wav")
    return tmp_path / "oak"


def test_the_file_that_the_brief_names_is_taken_in_under_the_hash_of_its_bytes(store, folder):
    recording = taken(store, folder, "SONG.wav")
    assert recording is not None
    assert (recording.name, recording.seconds) == ("song.wav", 5.0)
    assert store.media_path(recording.media.key).read_bytes() == (folder / "song.wav").read_bytes()
    assert (folder / "song.wav").exists()


def test_a_brief_without_a_file_takes_nothing_in(store, folder):
    assert take_in_music(store, list_upload(folder), Brief()) is None


def test_the_same_bytes_are_not_decoded_again_whatever_they_are_called(store, folder, monkeypatch):
    first = taken(store, folder, "song.wav")
    monkeypatch.setattr(intake, "listen", lambda *_: pytest.fail("decoded again"))
    (folder / "song.wav").rename(folder / "melody.wav")
    again = taken(store, folder, "melody.wav")
    assert first is not None and again is not None
    assert (again.name, again.media) == ("melody.wav", first.media)


def test_a_file_that_is_lost_from_the_store_is_taken_in_again(store, folder):
    first = taken(store, folder, "song.wav")
    assert first is not None
    store.remove(first.media.key)
    assert taken(store, folder, "song.wav") == first
    assert store.holds(first.media)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("melody.mp3", r"there is no sound file melody\.mp3 beside the brief\. Known are: song\.wav"),
        ("sonk.wav", r"Did you mean 'song\.wav'"),
        ("empty.mp3", r"empty\.mp3 is empty\. Put a readable"),
        ("out.wav", r"out\.wav is a link that leads out of the folder"),
        ("deep.wav", r"there is no sound file deep\.wav beside the brief"),
    ],
)
def test_a_file_that_is_not_there_is_named_before_anything_is_made(folder, tmp_path, name, says):
    (folder / "empty.mp3").touch()
    (folder / "out.wav").symlink_to(write_song(tmp_path / "elsewhere.wav"))
    write_song(folder / "photos" / "deep.wav")
    with pytest.raises(BadInput, match=r"music\.file: .*" + says):
        find_music(list_upload(folder), asking_for(name))


def test_a_file_that_is_too_large_is_refused_unread(folder, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_RECORDING", 1000)
    with pytest.raises(BadInput, match=r"music\.file: song\.wav has 0 MB; at most"):
        find_music(list_upload(folder), asking_for("song.wav"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: write_song(path, 3.0), r"lasts 3\.0 s"),
        (lambda path: write_song(path, level=0.0), "is silent"),
        (lambda path: path.write_text("no music"), "cannot be read as sound"),
    ],
)
def test_unusable_recordings_are_refused_by_name_and_leave_nothing(store, folder, make, says):
    make(folder / "bad.wav")
    with pytest.raises(BadInput, match=r"music\.file: bad\.wav " + says):
        taken(store, folder, "bad.wav")
    assert store.keys("media") == []


def test_the_named_file_is_no_rejected_photo_and_others_are_told_how_to_be_played(store, folder):
    write_photo(folder / "pool.jpg", 1, size=(900, 600))
    write_song(folder / "other.wav")
    (folder / "campaign.yaml").write_text("music: {file: song.wav}", encoding="utf-8")
    found = take_in(store, folder, lambda done, total: None)
    assert [photo.name for photo in found.photos] == ["pool.jpg"]
    assert [(each.file, each.reason) for each in found.rejected] == [
        ("other.wav", "is a sound file that the brief does not name.")
    ]
    assert "music: {file:" in found.rejected[0].remedy


def test_a_replaced_sound_file_is_a_new_request(folder):
    before = listing_fingerprint(list_upload(folder))
    write_song(folder / "song.wav", 6.0)
    assert listing_fingerprint(list_upload(folder)) != before
