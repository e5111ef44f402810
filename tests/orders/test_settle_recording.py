"""A client's own track is ordered by its bytes and the film's cuts, cut to the film, and found afterwards."""

import wave
from pathlib import Path

import numpy as np
import pytest

from property_video.core.brief import Brief
from property_video.core.orders import order_fitted
from property_video.core.recording import Recording
from property_video.core.score import Passage
from property_video.intake.music import take_in_music
from property_video.media.upload_files import list_upload
from property_video.orders.settle import settle_track
from property_video.providers.embedded import Embedded

RATE = 48_000


class Nobody(Embedded):
    """A composer that must not be asked."""

    def make_track(self, order, out, on_progress):
        pytest.fail("the client's own track was to be played")


def write_song(path: Path, bpm: float = 120) -> Path:
    t = np.arange(9 * RATE) / RATE
    stroke = np.sin(2 * np.pi * 1500 * t) * np.exp(-(t % (60 / bpm)) / 0.05)
    sound = 0.4 * stroke + 0.1 * np.sin(2 * np.pi * 220 * t)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def scenes(*frames: int) -> tuple[Passage, ...]:
    return tuple(Passage(frames=each, energy=0.5) for each in frames)


@pytest.fixture
def recording(store, tmp_path) -> Recording:
    write_song(tmp_path / "oak" / "song.wav")
    taken = take_in_music(store, list_upload(tmp_path / "oak"), Brief.model_validate({"music": {"file": "song.wav"}}))
    assert taken is not None
    return taken


def test_it_is_cut_to_the_film_without_a_composer_and_found_afterwards(store, recording):
    order = order_fitted(scenes(60, 60, 60), recording)
    assert (order.provider, order.frames, order.cuts()) == ("client", 180, (60, 120))
    track = settle_track(store, "oak-street", order, Nobody(), lambda done, total: None)
    assert (track.provider, track.file, track.mood, track.found) == ("client", "song.wav", "", False)
    assert "2 of 2 cuts are on a beat" in track.remark
    assert track.measures.samples == 6 * RATE
    assert track.measures.lufs == pytest.approx(-14, abs=0.2)
    again = settle_track(store, "oak-street", order, Nobody(), lambda done, total: None)
    assert again == track.model_copy(update={"found": True})


def test_its_order_follows_its_bytes_and_the_cuts_and_nothing_else(recording):
    def name(*frames: int, **update) -> str:
        return order_fitted(scenes(*frames), recording.model_copy(update=update)).fingerprint

    before = name(60, 60)
    louder = tuple(Passage(frames=60, energy=0.9, title="Pool") for _ in range(2))
    assert order_fitted(louder, recording).fingerprint == before
    assert name(60, 60, name="melody.wav") == before
    assert name(60, 60, media=recording.media.model_copy(update={"key": "media/aa/b.wav"})) != before
    assert len({before, name(60, 90), name(90, 30), name(120)}) == 4
