"""A campaign with a recording of the client's own, from its folder to the film."""

import wave
from pathlib import Path

import numpy as np

from property_video.core.photo import UploadedPhotos
from property_video.core.wishes import Wishes

RATE = 48_000
BRIEF = "scene_seconds: 2\nmusic: {file: song.wav, mood: calm}\n"


def write_song(path: Path, tone: float = 220) -> Path:
    t = np.arange(9 * RATE) / RATE
    sound = 0.4 * np.sin(2 * np.pi * 1500 * t) * np.exp(-(t % 0.5) / 0.05) + 0.1 * np.sin(2 * np.pi * tone * t)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def test_the_client_s_track_is_played_and_made_anew_when_its_bytes_change(studio):
    song = write_song(studio.folder / "song.wav")
    (studio.folder / "campaign.yaml").write_text(BRIEF, encoding="utf-8")
    film = studio.made()
    assert (film.track.provider, film.track.file, studio.tracks.calls) == ("client", "song.wav", [])
    assert studio.record("uploaded_photos", UploadedPhotos).rejected == ()
    assert studio.record("brief", Wishes).mood == "calm"

    write_song(song, 330)
    other = studio.made()
    assert other.track.provider == "client"
    assert other.track.media != film.track.media


def test_a_missing_recording_stops_the_film_at_the_brief_and_says_what_to_do(studio):
    (studio.folder / "campaign.yaml").write_text(BRIEF, encoding="utf-8")
    result = studio.run()
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "brief"
    assert "there is no sound file song.wav beside the brief" in str(failure.step_failure_data.user_failure_data)
