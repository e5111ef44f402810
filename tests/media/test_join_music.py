"""Joining the links of a track: exact lengths, no step in level, no gap and no click at a joint."""

import wave

import numpy as np
import pytest

from property_video.core.errors import BadOutput
from property_video.core.film import SAMPLE_RATE
from property_video.core.music_chain import Link, plan_chain
from property_video.media.join_music import decode, extend_track, save_context, save_to_length

RATE = 32_000


def tone(seconds: float, hertz: float = 220.0, level: float = 0.2, rate: int = RATE, start: float = 0.0) -> np.ndarray:
    t = start + np.arange(round(seconds * rate)) / rate
    return np.stack([level * np.sin(2 * np.pi * hertz * t)] * 2, axis=1)


def write(samples: np.ndarray, path, rate: int = RATE):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def read(path) -> np.ndarray:
    return np.fromfile(path, np.float32).reshape(-1, 2)


def chain(tmp_path, gain: float = 1.0):
    """Two links of one steady tone; the second comes back `gain` times as loud, as a model's normalization has it."""
    first, second = plan_chain([("a", 2.5), ("b", 2.5)], tail_s=0.0)
    extend_track(None, write(tone(first.length_s), tmp_path / "1.wav"), first, tmp_path / "1.f32")
    again = tone(second.length_s, level=0.2 * gain, start=first.end_s - second.context_s)
    extend_track(tmp_path / "1.f32", write(again, tmp_path / "2.wav"), second, tmp_path / "2.f32")
    return first, second, read(tmp_path / "2.f32")


@pytest.mark.parametrize("gain", [1.0, 0.5, 2.5])
def test_a_joint_has_no_step_in_level_no_gap_and_no_click(tmp_path, gain):
    _, second, track = chain(tmp_path, gain)
    assert len(track) == round(second.end_s * SAMPLE_RATE)
    blocks = track[: len(track) // 2400 * 2400].reshape(-1, 2400, 2)[2:-2]
    levels = 20 * np.log10(np.sqrt((blocks**2).mean(axis=(1, 2))))
    assert levels.max() - levels.min() < 0.3
    slope = np.abs(np.diff(track[2000:-2000, 0])).max()
    assert slope < 1.1 * 0.2 * 2 * np.pi * 220 / SAMPLE_RATE


def test_levels_that_have_nothing_to_do_with_each_other_are_not_forced(tmp_path):
    _, second, track = chain(tmp_path, gain=0.01)
    assert np.abs(track[-SAMPLE_RATE:]).max() < 0.2 * 0.01 * 4.1
    assert len(track) == round(second.end_s * SAMPLE_RATE)


def test_the_context_is_what_was_heard_last(tmp_path):
    first, second, _ = chain(tmp_path)
    save_context(tmp_path / "1.f32", second, tmp_path / "context.wav")
    with wave.open(str(tmp_path / "context.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 2, 2)
        assert file.getnframes() == pytest.approx(second.context_s * RATE, abs=2)
    heard = decode(tmp_path / "context.wav")
    theirs = read(tmp_path / "1.f32")[-len(heard) :]
    assert np.abs(heard[2000:-2000] - theirs[2000:-2000]).max() < 0.01
    with pytest.raises(BadOutput, match="too short"):
        save_context(tmp_path / "1.f32", first.model_copy(update={"context_s": 9}), tmp_path / "x.wav")


def test_a_link_that_ends_early_or_is_silent_is_no_link(tmp_path):
    link = Link(number=1, prompt="", begin_s=0, end_s=3, context_s=0, length_s=3)
    with pytest.raises(BadOutput, match="lasts 2"):
        extend_track(None, write(tone(2), tmp_path / "1.wav"), link, tmp_path / "out")
    with pytest.raises(BadOutput, match="silent"):
        extend_track(None, write(np.zeros((RATE, 2)), tmp_path / "2.wav"), link, tmp_path / "out")
    (tmp_path / "3.wav").write_bytes(b"<html>")
    with pytest.raises(BadOutput, match="cannot be decoded"):
        extend_track(None, tmp_path / "3.wav", link, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recording_in_one_piece_is_brought_to_the_films_length(tmp_path):
    long = write(tone(4, rate=44_100), tmp_path / "a.wav", rate=44_100)
    save_to_length(long, 3.5, tmp_path / "out.f32")
    assert len(read(tmp_path / "out.f32")) == 3.5 * SAMPLE_RATE
    with pytest.raises(BadOutput, match="the film 6 s"):
        save_to_length(long, 6, tmp_path / "x.f32")
