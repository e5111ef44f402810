"""The same inputs give the same bytes: twice in a row, and from other folders with other dates."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from make_kit import CAMPAIGN, Place, write_listing


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listing(tmp_path_factory.mktemp("uploads") / "listing")


def made_media(place: Place) -> dict[str, str]:
    """SHA-256 of the film, of every clip, still and working copy, and of the track, after a `make`."""
    said = place.made()
    assert said["reused"] == []
    media = sorted(path for path in (place.store / "media").rglob("*") if path.is_file())
    assert {path.suffix for path in media} == {".mp4", ".wav", ".jpg"}
    film = Path(said["film"])
    assert film.is_relative_to(place.store)
    return {path.name: digest(path) for path in media} | {"film": digest(film)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_two_homes_two_folders_and_other_dates_give_the_same_film_clips_and_track(tmp_path: Path, listing: Path):
    first = made_media(Place(tmp_path / "first", listing))

    elsewhere = tmp_path / "a second, longer place" / "with blanks" / "photos of a house"
    shutil.copytree(listing, elsewhere)
    for number, path in enumerate(sorted(elsewhere.iterdir())):
        os.utime(path, (1_000_000_000 - 86_400 * number,) * 2)
    second = made_media(Place(tmp_path / "second" / "deeper", elsewhere))

    assert first == second


@pytest.mark.slow
def test_made_again_after_everything_was_lost_a_film_is_the_same(tmp_path: Path, listing: Path):
    place = Place(tmp_path, listing)
    first = made_media(place)
    shutil.rmtree(place.store)
    assert made_media(place) == first
    assert (place.store / f"films/{CAMPAIGN}.mp4").is_file()
