"""Beats of a recording: from how its spectrum changes to the times at which a listener taps.

Onset flux and dynamic programming after D. Ellis, "Beat Tracking by Dynamic Programming", JNMR 36 (2007): the beats
are the sequence of times that lies on strong onsets and whose steps stay near one tempo.

Not here: decoding and spectra (media/recordings.py), what is done with beats (fit.py).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating]

FRAMES_PER_S: Final = 100
"""Spectra per second. Beats are found to about a quarter of a frame by interpolation."""

LOW_BANDS: Final = 6
"""The lowest third-octave bands, up to 160 Hz: where downbeats are played."""

PREFERRED_PERIOD_S: Final = 0.5
TEMPO_OCTAVES: Final = 0.9
"""Width of the preference for 120 BPM among multiples of one tempo (Ellis 2007: .9 octaves)."""

TIGHTNESS: Final = 100.0
"""How strongly steps keep to the tempo (Ellis 2007: between 100 and 400 for music of steady tempo)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The beats of a recording.

    `beats` are seconds, ascending. `downbeats` is a mask of them, `sound` a row per beat: what its third-octave bands
    sound like until the next beat, in dB, shape (beats, bands). `bpm` is the tempo.
    """

    beats: Reals
    downbeats: npt.NDArray[np.bool_]
    sound: Reals
    bpm: float


def find_pulse(levels: Reals) -> Pulse:
    """The beats of a recording from its levels: dB of third-octave bands, shape (frames, bands), `FRAMES_PER_S`.

    Silence and drones have a regular pulse of 120 BPM. A frame stands for the time at its middle.
    """
    rises = np.maximum(0, np.diff(levels, axis=0, prepend=levels[:1]))
    flux = _evened(rises.mean(axis=1))
    period = _period(flux)
    frames = _track(flux, period)
    beats = _between_frames(flux, frames) / FRAMES_PER_S
    sound = np.stack([part.mean(axis=0) for part in np.split(levels, frames[1:])]) if len(frames) else levels[:0]
    accents = _accents(_evened(rises[:, :LOW_BANDS].mean(axis=1)), frames, sound)
    return Pulse(beats=beats, downbeats=_downbeats(accents), sound=sound, bpm=60 * FRAMES_PER_S / period)


def _evened(flux: Reals) -> Reals:
    """Flux above its average over 3 s, in standard deviations, smoothed over 30 ms."""
    window = 3 * FRAMES_PER_S
    sums = np.cumsum(np.pad(flux, (window // 2 + 1, window // 2), mode="edge"))
    above = np.maximum(0, flux - (sums[window:] - sums[:-window])[: len(flux)] / window)
    smooth = np.convolve(above, (0.25, 0.5, 0.25), mode="same")
    return np.asarray(smooth / (smooth.std() + 1e-9))


def _period(flux: Reals) -> float:
    """Frames per beat: the strongest lag of the flux with itself, weighted towards 120 BPM."""
    size = 1 << (2 * len(flux) - 1).bit_length()
    spectrum = np.fft.rfft(flux - flux.mean(), size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)
    lags = np.arange(round(0.25 * FRAMES_PER_S), min(round(1.6 * FRAMES_PER_S), len(flux) // 2))
    octaves = np.log2(lags / (PREFERRED_PERIOD_S * FRAMES_PER_S))
    strength = correlation[lags] * np.exp(-0.5 * (octaves / TEMPO_OCTAVES) ** 2)
    if not len(lags) or strength.max() <= 1e-6 * correlation[0] or correlation[0] < 1e-6:
        return PREFERRED_PERIOD_S * FRAMES_PER_S
    # A lag of four beats is known four times as exactly as one.
    best = float(lags[int(strength.argmax())])
    for beats in (2, 4, 8):
        near = np.arange(round(best * beats) - beats, round(best * beats) + beats + 1)
        near = near[(near > 0) & (near < len(flux) // 2)]
        if len(near):
            best = float(near[int(correlation[near].argmax())]) / beats
    return best


def _track(flux: Reals, period: float) -> npt.NDArray[np.int64]:
    """Frames of the beats: the sequence with the best sum of flux and regularity."""
    nearest, farthest = max(1, round(period / 2)), round(period * 2)
    steps = np.arange(-farthest, -nearest + 1)
    regularity = -TIGHTNESS * np.log(-steps / period) ** 2
    best, before = flux.astype(np.float64).copy(), np.full(len(flux), -1)
    for frame in range(nearest, len(flux)):
        first = max(0, farthest - frame)
        sums = best[frame + steps[first] : frame + steps[-1] + 1] + regularity[first:]
        choice = int(sums.argmax())
        if sums[choice] > 0:
            best[frame] += sums[choice]
            before[frame] = frame + steps[first + choice]
    if not len(flux):
        return np.zeros(0, np.int64)
    tail = max(0, len(best) - round(1.5 * period))
    beats = [tail + int(best[tail:].argmax())]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    while beats[-1] - period >= 0:  # a regular beat through what begins without onsets
        beats.append(round(beats[-1] - period))
    return np.array(beats[::-1])


def _between_frames(flux: Reals, frames: npt.NDArray[np.int64]) -> Reals:
    """Positions refined to the top of a parabola through the strongest frame next to each beat."""
    padded = np.pad(flux, 2)
    around = padded[frames[:, None] + np.arange(5)[None, :]]
    centre = around[:, 1:4].argmax(axis=1)
    rows = np.arange(len(frames))
    left, top, right = around[rows, centre], around[rows, centre + 1], around[rows, centre + 2]
    bend = left - 2 * top + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.where(bend < -1e-9, bend, -1), 0.0)
    known = top > 1e-6
    return np.asarray(frames + np.where(known, centre - 1 + np.clip(shift, -0.5, 0.5), 0.0))


def _accents(low: Reals, frames: npt.NDArray[np.int64], sound: Reals) -> Reals:
    """How much each beat feels like a downbeat: bass strokes, and harmony that changes."""
    if len(frames) < 2:
        return np.zeros(len(frames))
    padded = np.pad(low, 2)
    strokes = padded[frames[:, None] + np.arange(5)[None, :]].max(axis=1)
    change = np.abs(np.diff(sound, axis=0, prepend=sound[:1])).mean(axis=1)
    return np.asarray(strokes / (strokes.mean() + 1e-9) + change / (change.mean() + 1e-9))


def _downbeats(accents: Reals) -> npt.NDArray[np.bool_]:
    """Every fourth beat, or third where that stands out more, at the phase with the strongest accents."""
    choices = []
    for metre in (4, 3):
        for phase in range(min(metre, len(accents))):
            mask = np.arange(len(accents)) % metre == phase
            contrast = accents[mask].mean() / (accents.mean() + 1e-9)
            choices.append((contrast * (1.0 if metre == 4 else 0.9), -phase, metre))
    if not choices:
        return np.zeros(0, np.bool_)
    _, phase, metre = max(choices)
    return np.asarray(np.arange(len(accents)) % metre == -phase)


def beats_per_bar(pulse: Pulse) -> int:
    """Beats from one downbeat to the next: 4, or 3."""
    places = np.flatnonzero(pulse.downbeats)
    return int(places[1] - places[0]) if len(places) > 1 else 4
