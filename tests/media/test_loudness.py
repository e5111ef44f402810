import io
import wave
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
from PIL import Image
from scipy.signal import resample_poly

from property_video.core.errors import BadInput
from property_video.media.loudness import measure_track, waveform_picture
from property_video.media.master import HOP, integrated_loudness, k_weighting

RATE = 48_000


def write_wav(path: Path, sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    """Writes (n, channels) floats as 16 bits; returns what was written, full scale 1."""
    steps = np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as track:
        track.setnchannels(sound.shape[1])
        track.setsampwidth(2)
        track.setframerate(rate)
        track.writeframes(steps.tobytes())
    return steps / 32768


def music(seconds: float, rate: int = RATE, hiss: float = 0.3) -> np.ndarray:
    """Noise and tones with quiet and loud parts, so that the gates matter."""
    rng = np.random.default_rng(1)
    t = np.arange(round(seconds * rate)) / rate
    swell = 0.03 + 0.3 * (np.sin(2 * np.pi * t / seconds) > 0.2)
    tone = np.sin(2 * np.pi * 220 * t) + 0.5 * np.sin(2 * np.pi * 3000 * t)
    return (swell * (tone + hiss * rng.standard_normal((2, len(t))))).T * 0.4


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_agrees_with_pyloudnorm(tmp_path, rate):
    sound = write_wav(tmp_path / "a.wav", music(9, rate), rate)
    measured = measure_track(tmp_path / "a.wav")
    assert measured.lufs == pytest.approx(pyloudnorm.Meter(rate).integrated_loudness(sound), abs=0.1)
    assert (measured.samples, measured.sample_rate, measured.channels) == (9 * rate, rate, 2)
    assert measured.duration_s == 9


def test_the_mastering_meter_agrees_with_pyloudnorm():
    sound = music(9)
    f = np.fft.rfftfreq(2 * len(sound), 1 / RATE)
    weighted = np.fft.irfft(np.fft.rfft(sound, 2 * len(sound), axis=0) * k_weighting(f)[:, None], axis=0)[: len(sound)]
    energy = np.square(weighted).sum(axis=1).reshape(-1, HOP).sum(axis=1)
    assert integrated_loudness(energy) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound), abs=0.05)


def test_true_peak_finds_what_lies_between_samples(tmp_path):
    t = np.arange(2 * RATE)
    steady = np.clip(np.minimum(t, t[::-1]) / 4800, 0, 1)  # an abrupt start would overshoot
    tone = (0.5 * steady * np.sin(np.pi / 2 * t + np.pi / 4))[:, None].repeat(2, axis=1)
    sound = write_wav(tmp_path / "a.wav", tone)
    measured = measure_track(tmp_path / "a.wav")
    exact = 20 * np.log10(np.abs(resample_poly(sound, 4, 1, axis=0)).max())
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(-9.0, abs=0.1)
    assert measured.true_peak_dbtp == pytest.approx(exact, abs=0.2)


def test_edges_offset_clipping_and_width_are_measured(tmp_path):
    sound = np.zeros((RATE, 2))
    sound[:, 0] = 0.25
    sound[24_000:24_010, 1] = 1.0
    sound[-960:] = 0.5
    write_wav(tmp_path / "a.wav", sound)
    measured = measure_track(tmp_path / "a.wav")
    assert measured.dc == pytest.approx(0.255, abs=0.001)
    assert measured.clipped == 10
    assert measured.first_20ms_dbfs == pytest.approx(-15.05, abs=0.05)
    assert measured.last_20ms_dbfs == pytest.approx(-6.02, abs=0.05)


def test_opposite_channels_vanish_in_mono(tmp_path):
    tone = np.sin(np.arange(RATE) / 20)[:, None] * (0.3, -0.3)
    write_wav(tmp_path / "a.wav", tone)
    measured = measure_track(tmp_path / "a.wav")
    assert measured.mono_db < -40
    assert measured.correlation == pytest.approx(-1, abs=0.001)


def test_mono_files_are_measured_as_they_would_sound(tmp_path):
    write_wav(tmp_path / "a.wav", music(3)[:, :1])
    measured = measure_track(tmp_path / "a.wav")
    assert measured.channels == 1
    assert measured.mono_db == pytest.approx(0, abs=0.01)


def test_the_sound_of_a_film_is_measured(tmp_path):
    sound = music(4, hiss=0.03)  # AAC leaves out what is above 17 kHz
    with av.open(str(tmp_path / "film.mp4"), "w") as film:
        picture = film.add_stream("libx264", rate=30)
        picture.width, picture.height, picture.pix_fmt = 64, 36, "yuv420p"
        track = film.add_stream("aac", rate=RATE, layout="stereo", bit_rate=192_000)
        for _ in range(120):
            film.mux(picture.encode(av.VideoFrame(64, 36, "yuv420p")))
        film.mux(picture.encode(None))
        for start in range(0, len(sound), 1024):
            part = np.ascontiguousarray(sound[start : start + 1024].T.astype(np.float32))
            frame = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, start
            film.mux(track.encode(frame))
        film.mux(track.encode(None))
    measured = measure_track(tmp_path / "film.mp4")
    assert measured.lufs == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound), abs=0.2)
    assert measured.duration_s == pytest.approx(4, abs=0.03)


def test_silence_has_finite_measures(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros((RATE, 2)))
    measured = measure_track(tmp_path / "a.wav")
    assert measured.lufs <= -70
    assert measured.true_peak_dbtp == -120


@pytest.mark.parametrize("content", [b"", b"this is a text, not music" * 50])
def test_a_file_that_is_not_sound_is_refused_with_a_remedy(tmp_path, content):
    (tmp_path / "song.mp3").write_bytes(content)
    with pytest.raises(BadInput, match=r"song\.mp3.*Export it again"):
        measure_track(tmp_path / "song.mp3")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"nothing\.wav"):
        measure_track(tmp_path / "nothing.wav")


def test_the_picture_shows_level_and_cuts_in_few_bytes(tmp_path):
    sound = np.zeros((4 * RATE, 2))
    sound[2 * RATE :] = 0.5 * np.sin(np.arange(2 * RATE) / 30)[:, None]
    write_wav(tmp_path / "a.wav", sound)
    data = waveform_picture(tmp_path / "a.wav", [1.0])
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)
    assert len(data) < 20_000
    assert picture.shape == (240, 960)
    paper = picture[5, 5]
    assert (picture[:, 240] != paper).all()
    assert (picture[80, 500:940] != paper).all()
    assert (picture[80, 10:200] == paper).all()


def test_the_picture_of_busy_music_stays_small(tmp_path):
    write_wav(tmp_path / "a.wav", music(28))
    assert len(waveform_picture(tmp_path / "a.wav", [4.0 * i for i in range(1, 7)])) < 20_000
