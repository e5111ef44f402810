import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from property_video.core.beats import find_pulse
from property_video.core.errors import BadInput, BadOutput
from property_video.core.fit import Fit, Part
from property_video.media import recordings
from property_video.media.loudness import measure_track
from property_video.media.recordings import decode, fit_recording, listen

RATE = 48_000

FORMATS = {
    "mp3": ("libmp3lame", 44_100, "stereo", "s16p"),
    "m4a": ("aac", 48_000, "stereo", "fltp"),
    "flac": ("flac", 44_100, "mono", "s16"),
    "opus": ("libopus", 48_000, "stereo", "flt"),
    "wav": ("pcm_s24le", 96_000, "stereo", "s32"),
    "aiff": ("pcm_s16be", 44_100, "mono", "s16"),
}


def song(seconds: float, bpm: float = 120, rate: int = RATE) -> np.ndarray:
    """A chord under a stroke on every beat and a bass on every fourth, (n, 2)."""
    t = np.arange(round(seconds * rate)) / rate
    since_beat, since_bar = t % (60 / bpm), t % (240 / bpm)
    chord = sum(np.sin(2 * np.pi * f * t + f) for f in (220, 277, 330)) * 0.05
    stroke = np.sin(2 * np.pi * 1800 * t) * np.exp(-since_beat / 0.03) * 0.4
    bass = np.sin(2 * np.pi * 70 * t) * np.exp(-since_bar / 0.15) * 0.5
    left = (chord + stroke + bass) * np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return np.stack((left, 0.9 * left), axis=1).astype(np.float32)


def write(path: Path, sound: np.ndarray, kind: str = "wav", rate: int | None = None) -> Path:
    codec, natural, layout, form = FORMATS[kind]
    rate = rate or natural
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        stream.format = form
        resampler = av.AudioResampler(format=form, layout=layout, rate=rate)
        for start in range(0, len(sound), 4096):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[start : start + 4096].reshape(1, -1)), "flt")
            frame.sample_rate, frame.pts = RATE, start
            for part in resampler.resample(frame):
                file.mux(stream.encode(part))
        for part in resampler.resample(None):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as track:
        return np.frombuffer(track.readframes(track.getnframes()), "<i2").reshape(-1, 2) / 32768


def onset_after(sound: np.ndarray, place: int) -> float:
    """Seconds from a place to the sharpest rise of energy within 60 ms of it."""
    part = sound[place - 2880 : place + 2880].mean(axis=1)
    power = np.convolve(np.diff(part, prepend=part[0]) ** 2, np.ones(96), mode="same")
    rise = power[48:] - power[:-48]
    return (int(rise.argmax()) + 24 - 2880) / RATE


@pytest.fixture(scope="module")
def long_song(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("songs") / "song.mp3", song(22, 120), "mp3")


@pytest.mark.parametrize("kind", FORMATS)
def test_any_format_is_decoded_to_stereo_at_48_khz(tmp_path, kind):
    path = write(tmp_path / f"song.{kind}", song(5), kind)
    sound = np.concatenate(list(decode(path, path.name)))
    assert sound.shape[1] == 2
    assert len(sound) == pytest.approx(5 * RATE, abs=0.06 * RATE)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(np.sqrt(np.mean(song(5) ** 2)), rel=0.3)
    assert find_pulse(listen(path, path.name).levels).bpm == pytest.approx(120, rel=0.01)


def test_a_recording_is_cut_so_that_film_cuts_land_on_its_beats(tmp_path, long_song):
    cuts = [4 * RATE, 8 * RATE]
    plan = fit_recording(long_song, "song.mp3", cuts, 12 * RATE, tmp_path / "track.wav")
    assert (plan.on_beat, plan.cuts, len(plan.parts)) == (2, 2, 1)
    sound = samples(tmp_path / "track.wav")
    assert len(sound) == 12 * RATE
    for cut in cuts:
        assert abs(onset_after(sound, cut)) <= 0.010
    measures = measure_track(tmp_path / "track.wav")
    assert measures.lufs == pytest.approx(-14, abs=0.2)
    assert measures.true_peak_dbtp <= -1.3
    assert max(measures.first_20ms_dbfs, measures.last_20ms_dbfs) < -50
    assert list(tmp_path.iterdir()) == [tmp_path / "track.wav"]


def test_a_short_recording_is_looped_on_its_beats_without_clicks(tmp_path):
    path = write(tmp_path / "loop.wav", song(6.3, 120))
    cuts = [4 * RATE, 8 * RATE, 12 * RATE]
    plan = fit_recording(path, "loop.wav", cuts, 16 * RATE, tmp_path / "track.wav")
    assert len(plan.parts) > 1
    assert plan.on_beat == 3
    sound = samples(tmp_path / "track.wav")
    assert len(sound) == 16 * RATE
    for cut in cuts:
        assert abs(onset_after(sound, cut)) <= 0.012
    bends = np.abs(np.diff(sound, n=2, axis=0)).max(axis=1)
    usual = np.quantile(bends[RATE : 4 * RATE], 0.9999)
    place = 0.0
    for part in plan.parts[:-1]:
        place += part.end - part.start
        seam = round(place * RATE)
        assert bends[seam - 2000 : seam + 100].max() <= 1.2 * usual


def test_a_recording_that_goes_on_fades_out_over_its_last_bar(tmp_path, monkeypatch):
    path = write(tmp_path / "song.wav", song(12, 120))
    plan = Fit(parts=(Part(start=1.0, end=9.0),), fade_s=2.0, on_beat=0, cuts=0, bpm=120)
    monkeypatch.setattr(recordings, "fit", lambda *_: plan)
    fit_recording(path, "song.wav", [], 8 * RATE, tmp_path / "track.wav")
    beats = samples(tmp_path / "track.wav").reshape(16, -1, 2)
    level = np.sqrt(np.mean(beats**2, axis=(1, 2)))
    faded = level[12:] / level[8:12]
    assert faded[0] > 0.9
    assert (np.diff(faded) < 0).all()
    assert faded[3] < 0.4


def test_the_same_recording_gives_the_same_bytes(tmp_path, long_song):
    for name in ("a.wav", "b.wav"):
        fit_recording(long_song, "song.mp3", [3 * RATE], 6 * RATE, tmp_path / name)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_an_offset_is_taken_out(tmp_path):
    path = write(tmp_path / "song.wav", song(8) * 0.5 + np.float32(0.2))
    fit_recording(path, "song.wav", [], 6 * RATE, tmp_path / "track.wav")
    assert measure_track(tmp_path / "track.wav").dc < 2e-3


def test_silence_at_the_ends_is_not_played(tmp_path):
    sound = np.concatenate((np.zeros((3 * RATE, 2), np.float32), song(8), np.zeros((3 * RATE, 2), np.float32)))
    heard = listen(write(tmp_path / "song.wav", sound), "song.wav")
    assert heard.audible == pytest.approx((3, 11), abs=0.15)
    assert heard.seconds == pytest.approx(14, abs=0.01)


def test_silence_is_told_by_its_level(tmp_path):
    path = write(tmp_path / "song.wav", np.zeros((6 * RATE, 2), np.float32))
    assert listen(path, "song.wav").loudest_dbfs < -100


def test_damaged_packets_are_left_out(tmp_path, long_song):
    data = bytearray(long_song.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "song.mp3").write_bytes(data + b"\0tag" * 200)
    assert listen(tmp_path / "song.mp3", "song.mp3").seconds > 20


@pytest.mark.parametrize("content", [b"", b"this is a text, not music" * 50])
def test_what_is_not_sound_is_refused_by_the_name_people_know(tmp_path, content):
    (tmp_path / "0a1b.mp3").write_bytes(content)
    with pytest.raises(BadInput, match=r"music\.file: song\.mp3 cannot be read as sound.*Export it again"):
        listen(tmp_path / "0a1b.mp3", "song.mp3")


def test_a_picture_is_not_sound(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "song.png")
    with pytest.raises(BadInput, match=r"music\.file: song\.mp3 has no sound"):
        listen(tmp_path / "song.png", "song.mp3")


def test_decoding_ends_soon_after_the_longest_that_is_read(tmp_path, long_song, monkeypatch):
    monkeypatch.setattr(recordings, "LONGEST_RECORDING_S", 5.0)
    assert 5 < listen(long_song, "song.mp3").seconds < 8


def test_a_few_clicks_cannot_be_made_loud_and_are_refused(tmp_path):
    clicks = np.zeros((6 * RATE, 2), np.float32)
    clicks[:: 2 * RATE] = 0.9
    path = write(tmp_path / "clicks.wav", clicks)
    with pytest.raises(BadOutput, match=r"cannot be brought to -14 LUFS.*less sparse"):
        fit_recording(path, "clicks.wav", [], 5 * RATE, tmp_path / "track.wav")


LONG = """
import sys
from pathlib import Path
import numpy as np
from property_video.media.recordings import fit_recording
import av
np.fft.rfft(np.zeros(8))
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
fit_recording(Path(sys.argv[1]), "song.mp3", [192000 * i for i in range(1, 7)], 28 * 48000, Path(sys.argv[2]))
print((peak() - before) / 1024)
"""


@pytest.mark.slow
def test_ten_minutes_add_less_than_150_megabytes(tmp_path):
    path = write(tmp_path / "song.mp3", song(600, 118), "mp3")
    done = subprocess.run(
        [sys.executable, "-c", LONG, str(path), str(tmp_path / "track.wav")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 150
