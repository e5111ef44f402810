"""Which part of a recording a film plays, and where it jumps back when the recording is too short.

Not here: finding beats (beats.py), cutting samples (media/recordings.py).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.core.beats import Pulse, beats_per_bar
from property_video.core.records import Record

Reals = npt.NDArray[np.floating]

CLOSE_S: Final = 0.045
"""Distance at which a cut is still felt to be on the beat: film is edited to a frame (33 ms), eyes forgive one."""

ON_BEAT_S: Final = 0.034
"""A cut within one frame of a beat is counted as on it."""

LOOPS_WEIGHED: Final = 40
"""Loops that are tried with every beginning: those whose seams sound most alike."""

FADE_AT_MOST_S, FADE_AT_LEAST_S = 4.0, 1.2
"""Length of the fade over the last bar, where the recording goes on when the film ends."""

WEIGHTS: Final = {"cuts": 3.0, "downbeats": 1.0, "ending": 0.8, "opening": 0.4, "body": 0.8, "seam": 0.7}
"""What makes a part good. Cuts on beats come first; the rest decides between beginnings that serve them alike."""


class Part(Record):
    """A span of the recording, in seconds."""

    start: float
    end: float


class Fit(Record):
    """What of a recording is played, in this order, and how it ends.

    `fade_s` is how long it fades out when the recording goes on beyond the film; 0 where its own ending is played.
    `on_beat` of `cuts` cuts lie within a frame of a beat.
    """

    parts: tuple[Part, ...]
    fade_s: float
    on_beat: int
    cuts: int
    bpm: float

    def sentence(self, name: str) -> str:
        """What was done, for people."""
        first, last = self.parts[0].start, self.parts[-1].end
        plays = f"{name} plays from {_clock(first)} to {_clock(last)}"
        if len(self.parts) > 1:
            plays += f", jumping back {len(self.parts) - 1}x on a beat"
        ends = "ends as recorded" if not self.fade_s else "fades out over its last bar"
        cuts = f"; {self.on_beat} of {self.cuts} cuts are on a beat" if self.cuts else ""
        return f"{plays} and {ends}{cuts} (about {self.bpm:.0f} BPM)."


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def fit(pulse: Pulse, levels: Reals, audible: tuple[float, float], cuts: Sequence[float], seconds: float) -> Fit:
    """The best part of a recording for a film of `seconds` with scenes that begin at `cuts` (seconds, without 0).

    A recording that is long enough is played in one piece; a shorter one jumps back by whole bars, as often as needed.
    Beginnings are chosen so that cuts fall on beats, downbeats rather; then so that it ends as recorded or on a bar,
    and from where it is lively.

    Args:
        pulse: its beats.
        levels: its level in dB, ten values a second.
        audible: seconds at which it begins and ends to be heard; the rest is not played.
        cuts: where scenes begin.
        seconds: the film's length.
    """
    first, last = audible
    if last - first >= seconds:
        plans = [(start, 0, 0.0, 0.0, 0.0) for start in _beginnings(pulse, cuts, seconds, first, last - seconds)]
    else:
        plans = []
        for a, b, seam in _loops(pulse, audible):
            jumps = int(np.ceil((seconds - (last - first)) / (b - a) - 1e-9))
            room = last - first + jumps * (b - a) - seconds
            latest = min(first + room, b)
            starts = _beginnings(pulse, cuts, seconds, first, latest, jumps * (b - a))
            plans += [(start, jumps, a, b, seam) for start in starts]
    # Equal merit: the earlier beginning, told apart by more than a rounding error.
    best = max(plans, key=lambda plan: (round(_merit(plan, pulse, levels, audible, cuts, seconds), 6), -plan[0]))
    return _as_fit(best, pulse, audible, cuts, seconds)


_Plan = tuple[float, int, float, float, float]
"""Beginning, jumps, where to, where from (seconds in the recording), and how alike both are (0..1)."""


def _beginnings(
    pulse: Pulse, cuts: Sequence[float], seconds: float, earliest: float, latest: float, jumped: float = 0.0
) -> list[float]:
    """Beginnings that put a beat on the start, a cut or the end, and those that play the recording's own ends."""
    offsets = np.array([0.0, *cuts, seconds - jumped])
    starts = (pulse.beats[:, None] - offsets[None, :]).ravel()
    inside = starts[(starts >= earliest) & (starts <= latest)]
    return [float(start) for start in np.unique(np.round((earliest, latest, *inside), 4))]


def _loops(pulse: Pulse, audible: tuple[float, float]) -> list[tuple[float, float, float]]:
    """Spans of whole bars to repeat: start, end, and how alike the music around both is (0..1), best first."""
    first, last = audible
    places = [i for i, beat in enumerate(pulse.beats) if first <= beat <= last - 0.2]
    bar = beats_per_bar(pulse)
    found = []
    for a in places:
        for b in range(a + bar, places[-1] + 1 if places else 0, bar):
            length = pulse.beats[b] - pulse.beats[a]
            if length < min(4.0, 0.4 * (last - first)):
                continue
            # Long loops tire less; a downbeat hides the jump.
            seam = _likeness(pulse, a, b, bar) + 0.3 * length / (last - first) + 0.1 * bool(pulse.downbeats[a])
            found.append((float(pulse.beats[a]), float(pulse.beats[b]), float(seam)))
    found.sort(key=lambda loop: (-loop[2], loop[0], loop[1]))
    return found[:LOOPS_WEIGHED] or [(first, last, 0.0)]


def _likeness(pulse: Pulse, a: int, b: int, bar: int) -> float:
    """How much the bars before and after two beats sound alike: 1 for the same, 0 at 12 dB of difference a band."""
    offsets = np.arange(-bar, bar)
    here, there = a + offsets, b + offsets
    known = (here >= 0) & (there < len(pulse.sound))
    if not known.any():
        return 0.0
    difference = np.abs(pulse.sound[here[known]] - pulse.sound[there[known]]).mean()
    return float(max(0.0, 1 - difference / 12)) * float(known.mean())


def _heard(plan: _Plan, times: Reals) -> Reals:
    """Seconds in the recording that are heard at times of the film."""
    start, jumps, a, b, _ = plan
    at = start + times
    if not jumps:
        return at
    done = np.clip(np.floor((at - b) / (b - a) + 1e-9) + 1, 0, jumps)
    return np.asarray(at - done * (b - a))


def _distances(pulse: Pulse, beats: Reals, places: Reals) -> Reals:
    """Seconds from each place to the nearest beat; a far one where there is none."""
    if not len(beats):
        return np.full(len(places), 9.0)
    after = np.clip(np.searchsorted(beats, places), 1, max(1, len(beats) - 1))
    return np.minimum(np.abs(places - beats[after - 1]), np.abs(places - beats[np.minimum(after, len(beats) - 1)]))


def _merit(
    plan: _Plan, pulse: Pulse, levels: Reals, audible: tuple[float, float], cuts: Sequence[float], seconds: float
) -> float:
    downbeats = pulse.beats[pulse.downbeats]
    places = _heard(plan, np.array(cuts))
    begin, end = _heard(plan, np.array([0.0, seconds - 1e-6]))
    merits = {
        "cuts": _mean(np.exp(-((_distances(pulse, pulse.beats, places) / CLOSE_S) ** 2))),
        "downbeats": _mean(np.exp(-((_distances(pulse, downbeats, places) / CLOSE_S) ** 2))),
        "ending": max(
            float(abs(end - audible[1]) < 0.05),
            0.5 * float(np.exp(-((_distances(pulse, downbeats, np.array([end]))[0] / CLOSE_S) ** 2))),
        ),
        "opening": 0.5 * float(abs(begin - audible[0]) < 0.3)
        + 0.5 * float(np.exp(-((_distances(pulse, downbeats, np.array([begin]))[0] / CLOSE_S) ** 2))),
        "body": _share_played(plan, audible) if plan[1] else _liveliness(levels, begin, seconds),
        "seam": plan[4],
    }
    return sum(WEIGHTS[name] * value for name, value in merits.items())


def _mean(values: Reals) -> float:
    return float(values.mean()) if len(values) else 0.0


def _liveliness(levels: Reals, begin: float, seconds: float) -> float:
    """1 for a part as loud as the recording's loudest, 0 for one 12 dB under it."""
    power = 10 ** (levels / 10)
    size = min(len(power), max(1, round(seconds * 10)))
    sums = np.cumsum(np.concatenate(([0.0], power)))
    means = (sums[size:] - sums[:-size]) / size
    here = means[min(len(means) - 1, round(begin * 10))]
    return float(np.clip(1 + 10 * np.log10((here + 1e-12) / (means.max() + 1e-12)) / 12, 0, 1))


def _share_played(plan: _Plan, audible: tuple[float, float]) -> float:
    """How much of a short recording is heard before its end: all of it, when it begins at its beginning."""
    start, jumps, _, _, _ = plan
    return 1 - (start - audible[0]) / (audible[1] - audible[0]) - 0.1 * jumps


def _as_fit(plan: _Plan, pulse: Pulse, audible: tuple[float, float], cuts: Sequence[float], seconds: float) -> Fit:
    start, jumps, a, b, _ = plan
    parts, left, at = [], seconds, start
    for _ in range(jumps):
        parts.append(Part(start=at, end=b))
        left, at = left - (b - at), a
    parts.append(Part(start=at, end=at + left))
    places = _heard(plan, np.array(cuts))
    end = at + left
    return Fit(
        parts=tuple(parts),
        fade_s=0.0 if abs(end - audible[1]) < 0.05 else _fade(pulse, end, seconds),
        on_beat=int((_distances(pulse, pulse.beats, places) <= ON_BEAT_S).sum()),
        cuts=len(cuts),
        bpm=round(pulse.bpm, 1),
    )


def _fade(pulse: Pulse, end: float, seconds: float) -> float:
    """Seconds of fade: from the last downbeat that leaves it `FADE_AT_LEAST_S`, if that is not too early."""
    lengths = end - pulse.beats[pulse.downbeats]
    fitting = lengths[(lengths >= FADE_AT_LEAST_S) & (lengths <= FADE_AT_MOST_S)]
    return min(float(fitting.min()) if len(fitting) else 2.0, seconds / 2)
