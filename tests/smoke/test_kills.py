"""SIGKILL at any moment, then the same command again: the film is made, and what was finished is not made again."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from make_kit import (
    CAMPAIGN,
    KILL_BEFORE_COMMIT,
    Place,
    assert_finished,
    assert_sound,
    send_at,
    wait_for,
    write_listing,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listing(tmp_path_factory.mktemp("listing") / "photos")


@pytest.fixture
def place(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))  # opening an instance sets it: undone after the test
    return Place(tmp_path, photos)


def made_after_a_kill(place: Place) -> None:
    """Make the film; what was there is found, and killed runs are marked failed."""
    # On a fast machine a run may have ended well an instant before its process was killed.
    killed = {run for run, status in place.runs().items() if status != "SUCCESS"}
    takes = place.takes()
    summary = place.made()
    assert {take.parent.name for take in takes} <= set(summary["reused"])
    assert takes.items() <= place.takes().items()
    assert_finished(place, summary)
    statuses = place.runs()
    assert {statuses[run] for run in killed} <= {"FAILURE"}


MOMENTS: dict[str, Callable[[Place], object]] = {
    "while a new home is furnished": lambda place: (place.settings.home / ".new" / "history").exists(),
    "when a run is recorded": Place.recorded_runs,
    "while photos are read": lambda place: place.in_scratch("photos"),
    "in the middle of a scene": lambda place: any(f.stat().st_size > 48 for f in place.in_scratch("scene_*")),
    "between scenes": lambda place: place.finished_scenes(),
    "in the middle of another scene": lambda place: len(place.finished_scenes()) > 1 and place.in_scratch("scene_*"),
    "in the middle of the track": lambda place: any(f.stat().st_size > 0 for f in place.in_scratch("track")),
    "while the film is joined": lambda place: place.in_scratch("film"),
    "when the film appears": lambda place: (place.store / "films" / f"{CAMPAIGN}.mp4").exists(),
}


def test_a_film_is_made_after_a_kill_at_every_moment(place: Place):
    """Each run goes on where the one before it was killed, until it is killed itself at a later moment."""
    for moment, has_come in MOMENTS.items():
        before, takes = set(place.runs()), place.takes()
        process = place.start()
        send_at(process, partial(has_come, place))
        assert process.returncode == -signal.SIGKILL, moment
        assert_sound(place)
        assert takes.items() <= place.takes().items(), f"a finished scene was made again: {moment}"
        after = place.runs()
        if set(after) > before:
            assert {after[run] for run in before} <= {"FAILURE"}, moment
    made_after_a_kill(place)
    assert len(place.runs()) >= len(MOMENTS) - 1


@pytest.mark.parametrize(
    ("key", "also_found"),
    [
        (f"takes/{CAMPAIGN}/scene_", set()),
        ("records/scene_", set()),
        ("records/final_video/", {"audio_track", "final_video"}),
    ],
    ids=["media but no take", "take but no record", "film but no record"],
)
def test_a_film_is_made_after_a_kill_between_two_commits(place: Place, key: str, also_found: set[str]):
    process = place.start(program=("-c", KILL_BEFORE_COMMIT, key, "make"))
    process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL
    assert_sound(place)
    finished = place.finished_scenes()
    summary = place.made()
    assert finished | also_found <= set(summary["reused"])
    assert_finished(place, summary)


def test_a_film_is_made_after_kills_at_any_moment(place: Place):
    """Each run is killed some seconds after its start; whatever it finished counts for the next."""
    seconds = random.Random(20)
    for _ in range(5):
        takes = place.takes()
        process = place.start()
        time.sleep(seconds.uniform(1.0, 9.0))
        process.kill()
        process.communicate(timeout=60)
        assert_sound(place)
        assert takes.items() <= place.takes().items()
    made_after_a_kill(place)


def test_decoders_end_with_their_killed_parent(place: Place):
    process = place.start()
    try:
        send_at(process, lambda: place.in_scratch("photos"))
        deadline = time.monotonic() + 20
        while any(group_of(process.pid)):
            assert time.monotonic() < deadline, "a child outlives its parent"
            time.sleep(0.05)
    finally:
        for pid in group_of(process.pid):
            os.kill(pid, signal.SIGKILL)


def group_of(leader: int) -> Iterator[int]:
    """Living processes of a process group."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader and state != "Z":
            yield int(stat.parent.name)


def test_a_second_make_waits_says_so_and_finds_everything(place: Place):
    first = place.start()
    wait_for(lambda: place.in_scratch("photos"))
    hasty = place.start(environment={"PROPERTY_VIDEO_LEASE_WAIT_SECONDS": "0"})
    _, complaint = hasty.communicate(timeout=60)
    assert hasty.returncode == 1
    assert f"{CAMPAIGN} is held by run" in complaint
    assert f"(process {first.pid}). Run again when it is done." in complaint
    second = place.start()
    said, complaint = second.communicate(timeout=240)
    assert first.wait(timeout=10) == 0
    first.communicate()
    assert second.returncode == 0, complaint
    assert f"process {first.pid}" in complaint
    assert "waiting for it" in complaint
    assert {"uploaded_photos", "photo_analysis", *place.finished_scenes(), "audio_track", "final_video"} == set(
        json.loads(said)["reused"]
    )


def test_a_waiting_make_goes_on_when_the_one_it_waits_for_is_killed(place: Place):
    first = place.start()
    wait_for(lambda: place.finished_scenes())
    second = place.start()
    assert second.stderr is not None
    wait_for(lambda: "waiting for it" in second.stderr.readline())
    first.kill()
    first.communicate()
    finished = place.finished_scenes()
    said, complaint = second.communicate(timeout=240)
    assert second.returncode == 0, complaint
    assert finished <= set(json.loads(said)["reused"])
    assert sorted(place.runs().values()) == ["FAILURE", "SUCCESS"]


def test_three_first_makes_at_once_share_a_new_home(place: Place):
    processes = [place.start("--campaign", f"tiny-{number}") for number in range(3)]
    said = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert list(place.runs().values()) == ["SUCCESS"] * 3
    assert_sound(place)
