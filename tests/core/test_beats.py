import numpy as np
import pytest

from property_video.core.beats import FRAMES_PER_S, beats_per_bar, find_pulse
from property_video.core.fit import Fit, fit

BANDS = 24


def played(times, seconds: float, low=(), chords_every: float = 0.0) -> np.ndarray:
    """Levels of a click at every time, with a bass stroke at some, over a chord that may change."""
    levels = np.full((round(seconds * FRAMES_PER_S), BANDS), -60.0)
    t = np.arange(len(levels)) / FRAMES_PER_S
    if chords_every:
        which = np.floor(t / chords_every + 1e-6).astype(int)
        levels[np.arange(len(t)), 8 + which * 5 % 9] = -25
    for moments, bands in ((times, slice(10, 24)), (low, slice(0, 6))):
        for moment in moments:
            age = t - moment
            levels[:, bands] = np.maximum(levels[:, bands], np.where(age >= 0, -10 - 250 * age, -60)[:, None])
    return levels


def grid(bpm: float, seconds: float, first: float = 0.4) -> np.ndarray:
    return np.arange(first, seconds - 0.2, 60 / bpm)


@pytest.mark.parametrize("bpm", [84, 97.3, 120, 133.3])
def test_beats_of_a_steady_tempo_are_found_to_a_hundredth_of_a_second(bpm):
    beats = grid(bpm, 40)
    pulse = find_pulse(played(beats, 40, low=beats[1::4]))
    assert pulse.bpm == pytest.approx(bpm, rel=0.005)
    inner = pulse.beats[(pulse.beats > 1) & (pulse.beats < 39)]
    assert np.abs(inner[:, None] - beats[None, :]).min(axis=1).max() < 0.015
    assert np.diff(inner).max() < 1.5 * 60 / bpm


def test_beats_follow_a_tempo_that_drifts():
    steps = np.linspace(0.55, 0.48, 70)
    beats = 0.4 + np.cumsum(steps)
    pulse = find_pulse(played(beats, beats[-1] + 1))
    inner = pulse.beats[(pulse.beats > 2) & (pulse.beats < beats[-1])]
    assert np.abs(inner[:, None] - beats[None, :]).min(axis=1).max() < 0.03


@pytest.mark.parametrize("metre", [3, 4])
def test_downbeats_are_where_the_bass_strikes_and_the_chord_changes(metre):
    beats = grid(110, 40)
    pulse = find_pulse(played(beats, 40, low=beats[2::metre]))
    assert beats_per_bar(pulse) == metre
    downbeats = pulse.beats[pulse.downbeats]
    inner = downbeats[(downbeats > 2) & (downbeats < 38)]
    assert np.abs(inner[:, None] - beats[2::metre][None, :]).min(axis=1).max() < 0.03


def test_a_drone_has_a_regular_pulse_of_120():
    pulse = find_pulse(np.full((2000, BANDS), -20.0))
    assert pulse.bpm == 120
    assert np.diff(pulse.beats) == pytest.approx(0.5)


# -- which part is played


def fitted(bpm: float, recorded: float, cuts, film: float, fade: bool = False) -> tuple[Fit, np.ndarray]:
    beats = grid(bpm, recorded)
    pulse = find_pulse(played(beats, recorded, low=beats[::4], chords_every=240 / bpm))
    loudness = np.full(round(recorded * 10), -15.0)
    return fit(pulse, loudness, (0.0, recorded), cuts, film), beats


def heard_at(plan: Fit, time: float) -> float:
    for part in plan.parts:
        if time < part.end - part.start:
            return part.start + time
        time -= part.end - part.start
    return plan.parts[-1].end + time


def test_cuts_of_a_film_land_on_the_beats_of_a_recording_of_the_same_tempo():
    plan, beats = fitted(120, 60, [4.0, 8, 12], 16)
    assert plan.on_beat == plan.cuts == 3
    assert len(plan.parts) == 1
    for cut in (4, 8, 12):
        assert np.abs(beats - heard_at(plan, cut)).min() < 0.02


@pytest.mark.parametrize(("recorded", "film"), [(30.0, 12.0), (12.0, 30.0), (5.0, 28.0), (4.0, 70.0), (28.0, 28.0)])
@pytest.mark.parametrize("bpm", [90, 126])
def test_the_parts_add_up_to_the_film_and_lie_in_the_recording(bpm, recorded, film):
    plan, beats = fitted(bpm, recorded, [film / 3, film / 2], film)
    assert sum(part.end - part.start for part in plan.parts) == pytest.approx(film, abs=1e-6)
    for part in plan.parts:
        assert -1e-6 <= part.start < part.end <= recorded + 1e-3
    if recorded < film:
        jumps = {(before.end, after.start) for before, after in zip(plan.parts, plan.parts[1:], strict=False)}
        assert len(jumps) == 1
        for place in jumps.pop():
            assert np.abs(beats - place).min() < 0.02
    assert 0 <= plan.fade_s <= film / 2


def test_a_loop_is_whole_bars_so_that_the_metre_goes_on():
    plan, _ = fitted(120, 12, [8.0, 16.0], 30)
    first, second = plan.parts[0], plan.parts[1]
    bars = (first.end - second.start) / 2.0
    assert bars == pytest.approx(round(bars), abs=0.02)
    assert bars >= 1


def test_its_own_ending_is_played_where_the_cuts_allow():
    plan, _ = fitted(120, 64.4, [4.0, 8, 12], 16)
    assert plan.fade_s == 0
    assert plan.parts[-1].end == pytest.approx(64.4, abs=0.05)
    assert "ends as recorded" in plan.sentence("song.mp3")


def test_otherwise_it_fades_over_its_last_bar_and_says_which_cuts_are_on_beats():
    plan, _ = fitted(120, 63.7, [4.0, 8, 12], 16)
    assert plan.on_beat == 3
    assert 1.2 <= plan.fade_s <= 4
    assert plan.sentence("song.mp3").endswith("3 of 3 cuts are on a beat (about 120 BPM).")


def test_a_lively_part_is_chosen_before_a_quiet_one():
    beats = grid(120, 60)
    pulse = find_pulse(played(beats, 60, low=beats[::4]))
    loudness = np.where(np.arange(600) < 300, -40.0, -15.0)
    loudness[500:] = -40.0
    plan = fit(pulse, loudness, (0.0, 60.0), [4.0], 12)
    assert plan.parts[0].start >= 28
    assert plan.parts[0].end <= 52
