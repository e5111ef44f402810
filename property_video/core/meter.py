"""Tempo, beats and bars: how a film's cuts become a grid to play on.

Here: the choice of a tempo for given scene lengths, and the sample positions of every beat.
Not here: what is played on the beats (score.py).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

from property_video.core.film import SAMPLE_RATE

SLOWEST: Final = 54.0
"""Beats per minute below which a bar of four outlasts a scene of four seconds by more than a tenth."""

FASTEST: Final = 144.0
"""Beats per minute above which sixteenths (104 ms) blur."""

FEWEST_BARS: Final = 2
"""Bars that even the shortest film should have: one to open, one to close."""

ON_THE_BEAT: Final = 0.005
"""Beats by which a cut may miss the grid and still count as on it: 2.5 ms at 120 BPM, then stretched away."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: sample positions of its beats, and of its end. `passage` is the index of the scene it plays under."""

    passage: int
    beats: tuple[int, ...]
    end: int

    @property
    def start(self) -> int:
        """The downbeat, in samples."""
        return self.beats[0]

    @property
    def length(self) -> int:
        """Samples from the downbeat to the next bar."""
        return self.end - self.start

    @property
    def sixteenths(self) -> int:
        """Number of sixteenth notes in the bar."""
        return 4 * len(self.beats)

    def at(self, sixteenth: float) -> int:
        """Sample position of a sixteenth note, counted from 0 at the downbeat."""
        beat, part = divmod(sixteenth, 4)
        index = int(beat)
        edges = (*self.beats, self.end)
        if index >= len(self.beats):
            return self.end
        return round(edges[index] + (edges[index + 1] - edges[index]) * part / 4)


def choose_tempo(lengths_s: Sequence[float], preferred: float, metre: int = 4) -> float:
    """Beats per minute for scenes of these lengths in seconds, in bars of `metre` beats.

    Best is a tempo at which every cut is a downbeat, then one at which every cut is a beat, then the one that needs
    the least local stretching; among equals, the one nearest to `preferred`.
    """
    whole = {
        60 * beats / length
        for length in lengths_s
        for beats in range(1, int(length * FASTEST / 60) + 1)
        if SLOWEST <= 60 * beats / length <= FASTEST
    }
    candidates = sorted(whole | {preferred})
    return min(candidates, key=lambda bpm: _unfitness(bpm, lengths_s, preferred, metre))


def _unfitness(bpm: float, lengths_s: Sequence[float], preferred: float, metre: int) -> tuple[bool, int, float]:
    beats = [length * bpm / 60 for length in lengths_s]
    distance = abs(log2(bpm / preferred))
    few = round(sum(beats)) < FEWEST_BARS * metre
    if all(abs(b - round(b)) <= ON_THE_BEAT and round(b) > 0 for b in beats):
        odd_bars = any(round(b) % metre for b in beats)
        return (few, 1 if odd_bars else 0, distance)
    stretch = max(abs(log2(max(1, round(b)) / b)) for b in beats)
    return (few, 2, stretch + distance / 8)


def lay_bars(cuts: Sequence[int], preferred: float, metre: int = 4) -> tuple[float, tuple[Bar, ...]]:
    """The tempo in BPM and the bars of a film whose scenes begin and end at `cuts` (samples, first 0, last the end).

    Every cut begins a bar. A scene that is not a whole number of bars of `metre` beats ends in a shorter one of at
    least two beats, or in one that is a beat longer; a scene that is not a whole number of beats is played a little
    faster or slower.
    """
    lengths = [b - a for a, b in itertools.pairwise(cuts)]
    bpm = choose_tempo([length / SAMPLE_RATE for length in lengths], preferred, metre)
    bars: list[Bar] = []
    for passage, (start, length) in enumerate(zip(cuts, lengths, strict=False)):
        count = max(1, round(length / SAMPLE_RATE * bpm / 60))
        grid = [start + round(length * beat / count) for beat in range(count + 1)]
        first = 0
        for size in bar_sizes(count, metre):
            bars.append(Bar(passage, tuple(grid[first : first + size]), grid[first + size]))
            first += size
    return bpm, tuple(bars)


def bar_sizes(beats: int, metre: int = 4) -> tuple[int, ...]:
    """Beats of each bar in a scene of `beats`: whole bars, and what remains as a last one, never of a single beat."""
    whole, rest = divmod(beats, metre)
    if not whole:
        return (rest,)
    if rest == 1:
        return (metre,) * (whole - 1) + (metre + 1,)
    return (metre,) * whole + ((rest,) if rest else ())
