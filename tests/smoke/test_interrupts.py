"""Ctrl-C and `kill` stop a film cleanly; the same command goes on where it was."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from make_kit import Place, assert_finished, assert_sound, send_at, wait_for, write_listing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listing(tmp_path_factory.mktemp("listing") / "photos")


@pytest.fixture
def place(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))  # opening an instance sets it: undone after the test
    return Place(tmp_path, photos)


def press_ctrl_c(pid: int) -> None:
    """As a terminal does: the whole group hears it, decoders of photos included."""
    os.killpg(pid, signal.SIGINT)


def terminate(pid: int) -> None:
    """As a service manager does."""
    os.kill(pid, signal.SIGTERM)


MOMENTS: dict[str, tuple[Callable[[Place], object], Callable[[int], None]]] = {
    "while the run is recorded": (Place.recorded_runs, press_ctrl_c),
    "while photos are read": (lambda place: place.in_scratch("photos"), press_ctrl_c),
    "in the middle of a scene": (lambda place: place.in_scratch("scene_*"), terminate),
    "in the middle of the next scene": (
        lambda place: place.finished_scenes() and place.in_scratch("scene_*"),
        press_ctrl_c,
    ),
    "in the middle of the track": (lambda place: place.in_scratch("track"), terminate),
}


def test_a_film_goes_on_where_it_was_stopped(place: Place):
    """Each `make` goes on where the one before it was stopped, until it is stopped itself at a later moment."""
    for number, (moment, (has_come, stop)) in enumerate(MOMENTS.items(), start=1):
        takes = place.takes()
        process = place.start()
        complaint = send_at(process, partial(has_come, place), stop)
        assert process.returncode == 1, moment
        assert complaint.endswith("Stopped. The same command goes on where it was.\n"), moment
        assert "Traceback" not in complaint, moment
        assert list(place.store.glob("scratch/*")) == [], moment
        assert list(place.runs().values()) == ["FAILURE"] * number, moment
        assert takes.items() <= place.takes().items(), moment
        assert_sound(place)
    takes = place.takes()
    summary = place.made()
    assert {take.parent.name for take in takes} <= set(summary["reused"])
    assert_finished(place, summary)


def test_ctrl_c_ends_waiting_for_another_make(place: Place):
    first = place.start()
    wait_for(lambda: place.in_scratch("photos"))
    second = place.start()
    assert second.stderr is not None
    wait_for(lambda: "waiting for it" in second.stderr.readline())
    os.killpg(second.pid, signal.SIGINT)
    _, complaint = second.communicate(timeout=10)
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert complaint.endswith("Stopped. The same command goes on where it was.\n")
