"""A full or read-only disk: a clear error, nothing half-written under a final name, and the next run works."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from make_kit import Place, assert_finished, assert_sound, send_at, write_listing
from studio_kit import Studio

from property_video.core.errors import StoreFull
from property_video.core.records import Record
from property_video.files import written_whole
from property_video.store.local import LocalStore


class Page(Record):
    text: str


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: writing fails as on a full disk (EFBIG), for everybody, root included."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_record_that_finds_no_room_leaves_the_old_one(store: LocalStore):
    store.write("records/page.json", Page(text="old"))
    with longest_file(1000), pytest.raises(StoreFull, match="No space is left"):
        store.write("records/page.json", Page(text="new" * 1000))
    assert store.read("records/page.json", Page) == Page(text="old")
    assert list(store.path("scratch").iterdir()) == []


def test_a_new_record_that_finds_no_room_is_not_there(store: LocalStore):
    with longest_file(1000), pytest.raises(StoreFull):
        store.create("records/page.json", Page(text="new" * 1000))
    assert [path for path in store.root.rglob("*") if path.is_file() and path.parent.name != "leases"] == []
    assert store.create("records/page.json", Page(text="new" * 1000))


def test_a_file_that_finds_no_room_is_not_there(tmp_path: Path):
    out = tmp_path / "film.mp4"
    with longest_file(1000), pytest.raises(StoreFull), written_whole(out) as partial:
        partial.write_bytes(bytes(2000))
    assert list(tmp_path.iterdir()) == []


def test_a_step_whose_record_finds_no_room_says_so(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    def full(store: LocalStore, key: str, record: Record) -> None:
        raise StoreFull(f"No space is left for {key}.", "Free some space.")

    monkeypatch.setattr(LocalStore, "write", full)
    failures = [event.step_failure_data for event in studio.run().all_events if event.is_step_failure]
    assert failures[0].user_failure_data.metadata["error"].text == "StoreFull"
    assert "No space is left for records/brief/" in failures[0].user_failure_data.description


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listing(tmp_path_factory.mktemp("listing") / "photos")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; `resize` makes it larger. Only an administrator can mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def resize(disk: Path, megabytes: float) -> None:
    subprocess.run(["mount", "-o", f"remount,size={int(megabytes * 1024)}k", disk], check=True)


def failed(place: Place, why: str = "No space is left") -> str:
    """The one line that a `make` says that cannot write."""
    process = place.start()
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 1, complaint
    assert "Traceback" not in complaint
    (error,) = [line for line in complaint.splitlines() if line.startswith("Error:")]
    assert why in error
    return error


@pytest.mark.slow
def test_a_film_is_made_as_far_as_the_store_has_room(
    tmp_path: Path, photos: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
):
    """The store's disk grows: photos fit, then scenes, then all."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    place = Place(tmp_path, photos, disk / "store")
    failed_at = []
    for megabytes in (0.0625, 1.0, 3.5, 5.5):
        resize(disk, megabytes)
        takes = place.takes()
        failed_at.append(failed(place).removeprefix("Error: ").partition(":")[0])
        assert_sound(place)
        assert list(place.store.glob("scratch/*")) == []
        assert takes.items() <= place.takes().items()
    assert set(place.runs().values()) == {"FAILURE"}
    assert failed_at[1] == "uploaded_photos"
    assert failed_at[3].startswith(("scene_", "audio_track"))
    resize(disk, 100)
    takes = place.takes()
    assert takes, "no scene found room before the last one"
    summary = place.made()
    assert {take.parent.name for take in takes} <= set(summary["reused"])
    assert_finished(place, summary)


@pytest.mark.slow
def test_a_run_history_without_room_is_told_as_such(
    tmp_path: Path, photos: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
):
    """The home's disk grows: too small for its databases, then for a run's events."""
    monkeypatch.setenv("DAGSTER_HOME", str(disk))
    place = Place(tmp_path, photos, home=disk)
    for megabytes in (0.0625, 0.5, 1.5):
        resize(disk, megabytes)
        assert f"run history in {disk}" in failed(place)
        assert_sound(place)
    resize(disk, 100)
    assert_finished(place, place.made())


@pytest.mark.slow
def test_a_file_longer_than_files_may_be_is_refused_clearly(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
):
    """The track of six seconds has 1.15 MB, the run history at its end 0.95."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    place = Place(tmp_path, photos)
    with longest_file(1_100_000):
        error = failed(place)
    assert "No space is left" in error
    assert_sound(place)
    assert list(place.store.glob("scratch/*")) == []
    assert_finished(place, place.made())


@pytest.mark.slow
def test_a_store_that_turned_read_only_is_told_as_such_and_goes_on_when_it_is_mended(
    tmp_path: Path, photos: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
):
    """As Linux does with a disk that fails: everything can be read, nothing written."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    place = Place(tmp_path, photos, disk / "store")
    resize(disk, 100)
    send_at(place.start(), place.finished_scenes)
    takes = place.takes()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "remount,ro", "tmpfs", disk], check=True)
    for _ in range(2):
        assert str(disk) in failed(place, "Read-only file system")
        assert_sound(place)
        assert place.takes() == takes
    subprocess.run(["mount", "-t", "tmpfs", "-o", "remount,rw", "tmpfs", disk], check=True)
    summary = place.made()
    assert {take.parent.name for take in takes} <= set(summary["reused"])
    assert_finished(place, summary)
