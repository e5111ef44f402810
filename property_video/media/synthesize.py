"""From a score to a mastered WAV file, a few seconds at a time.

Here: the mixing desk, the room, and the streaming loop that bounds memory.
Not here: the notes (core/score.py), the instruments (instruments.py), loudness and peaks (master.py).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.core.film import SAMPLE_RATE
from property_video.core.moods import MOODS, Instrument
from property_video.core.score import Note, Score
from property_video.media.instruments import Band, Samples, noise
from property_video.media.master import master

BLOCK: Final = 4 * SAMPLE_RATE
"""Samples rendered at once: the buffers of a block and its ringing tails hold 16 MB."""

Progress = Callable[[int, int], None]
"""Hears samples done, of how many."""


@dataclass(frozen=True, slots=True)
class Strip:
    """One channel of the desk: level in dB, bus, and whether the note's pan is applied (ensembles pan themselves)."""

    gain_db: float
    bus: int
    width: float = 1.0


DRY, NEAR, FAR, BED = range(4)
SENDS: Final = np.array([0.0, 0.14, 0.33, 0.25], np.float32)[:, None, None]
"""Gain from every bus to the room."""

DESK: Final[Mapping[Instrument, Strip]] = {
    "piano": Strip(-7.5, FAR, 0.7),
    "pad": Strip(-15.0, BED),
    "strings": Strip(-15.5, BED),
    "pluck": Strip(-13.0, FAR),
    "lead": Strip(-9.5, FAR),
    "bell": Strip(-13.0, FAR),
    "bass": Strip(-8.5, DRY),
    "kick": Strip(-5.0, DRY),
    "shaker": Strip(-11.0, NEAR),
    "rim": Strip(-6.5, NEAR),
    "cymbal": Strip(-9.0, FAR),
    "riser": Strip(-10.0, NEAR),
}

ROOM_S: Final = 2.4
"""Length of the room's impulse response."""

DUCK_DEPTH, DUCK_S = 0.22, 0.09
"""How far and for how long a kick at full velocity pushes pad and strings down."""


def synthesize(score: Score, out: Path, on_progress: Progress | None = None) -> None:
    """Writes the score as a mastered 16-bit stereo WAV at 48 kHz of exactly `score.duration_samples` samples.

    Memory does not grow with the length; the unmastered mix lies in a temporary file beside `out` (8 bytes a sample,
    twice). Equal scores give equal bytes on the same machine and versions. `on_progress` hears samples done and their
    total; mastering is the last quarter.
    """
    report = on_progress or (lambda done, total: None)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        mix = Path(folder) / "mix.f32"
        with mix.open("wb") as stream:
            for done, block in render(score):
                stream.write(block.T.tobytes())
                report(done * 3 // 4, score.duration_samples)
        master(mix, out)
    report(score.duration_samples, score.duration_samples)


def render(score: Score) -> Iterator[tuple[int, Samples]]:
    """The mix block by block: samples done so far, and the next (2, n) of it."""
    desk = Desk(score)
    room = Room()
    for start in range(0, score.duration_samples, BLOCK):
        size = min(BLOCK, score.duration_samples - start)
        direct, send = desk.block(start)
        wet = room.block(send)
        yield start + size, (direct + wet)[:, :size]


class Desk:
    """Plays the notes into buses that keep the tails of notes for the blocks to come."""

    def __init__(self, score: Score) -> None:
        self._notes = score.notes
        self._next = 0
        self._band = Band()
        self._gains = {
            name: 10 ** ((strip.gain_db + MOODS[score.mood].gains.get(name, 0.0)) / 20) for name, strip in DESK.items()
        }
        self._kicks = [(n.start, n.velocity) for n in score.notes if n.instrument == "kick"]
        self._buses = np.zeros((len(SENDS), 2, BLOCK), np.float32)

    def block(self, start: int) -> tuple[Samples, Samples]:
        """The direct sound and what goes to the room, each (2, BLOCK), from sample `start` on."""
        while self._next < len(self._notes) and self._notes[self._next].start < start + BLOCK:
            self._play(self._notes[self._next], start)
            self._next += 1
        now = self._buses[:, :, :BLOCK]
        now[BED] *= self._duck(start)
        direct = now.sum(axis=0)
        send = (now * SENDS).sum(axis=0)
        rest = self._buses[:, :, BLOCK:]
        self._buses = np.zeros((len(SENDS), 2, max(BLOCK, rest.shape[2])), np.float32)
        self._buses[:, :, : rest.shape[2]] = rest
        return direct, send

    def _play(self, note: Note, block_start: int) -> None:
        sound = self._band.play(note.instrument, note.pitch, note.velocity, note.length)
        strip = DESK[note.instrument]
        at = note.start - block_start
        self._reserve(at + sound.shape[1])
        angle = (np.clip(note.pan * strip.width, -1, 1) + 1) * np.pi / 4
        for side, level in enumerate((np.cos(angle), np.sin(angle))):
            channel = sound[side % len(sound)]
            gain = np.float32(self._gains[note.instrument] * level * np.sqrt(2))
            self._buses[strip.bus, side, at : at + len(channel)] += channel * gain

    def _reserve(self, samples: int) -> None:
        missing = samples - self._buses.shape[2]
        if missing > 0:
            grown = -(-missing // SAMPLE_RATE) * SAMPLE_RATE
            self._buses = np.pad(self._buses, ((0, 0), (0, 0), (0, grown)))

    def _duck(self, start: int) -> Samples:
        """Gain of the bed: dips after every kick."""
        gain = np.ones(BLOCK, np.float32)
        reach = round(6 * DUCK_S * SAMPLE_RATE)
        for kick, velocity in self._kicks:
            first, last = max(kick, start), min(kick + reach, start + BLOCK)
            if first < last:
                t = (np.arange(first, last) - kick).astype(np.float32) / SAMPLE_RATE
                dip = DUCK_DEPTH * velocity * np.minimum(1, t / 0.008) * np.exp(-t / DUCK_S)
                gain[first - start : last - start] *= 1 - dip
        return gain


class Room:
    """A hall by overlap-add convolution with stereo noise, decaying in 2.1 s below 1 kHz and in half of it above."""

    def __init__(self) -> None:
        response = _impulse_response()
        self._size = _fft_size(BLOCK + response.shape[1] - 1)
        self._spectrum: npt.NDArray[np.complex64] = np.fft.rfft(response, self._size).astype(np.complex64)
        self._tail = np.zeros((2, self._size - BLOCK), np.float32)

    def block(self, send: Samples) -> Samples:
        """The room's answer to the next (2, BLOCK) samples."""
        wet = np.stack(
            [np.fft.irfft(np.fft.rfft(send[c], self._size) * self._spectrum[c], self._size) for c in (0, 1)]
        ).astype(np.float32, copy=False)
        reach = min(BLOCK, self._tail.shape[1])
        wet[:, : self._tail.shape[1]] += self._tail
        self._tail = wet[:, BLOCK:].copy()
        return wet[:, :BLOCK] if reach else wet


def _impulse_response() -> Samples:
    """Stereo room of unit energy per channel: 20 ms predelay, six early reflections, then noise in three bands."""
    n, predelay = round(ROOM_S * SAMPLE_RATE), round(0.020 * SAMPLE_RATE)
    t = np.arange(n, dtype=np.float32) / SAMPLE_RATE
    bands = ((180.0, 900.0, 2.1), (900.0, 4000.0, 1.7), (4000.0, 12_000.0, 0.95))
    sides = []
    for side in (0, 1):
        rng = np.random.default_rng([48, side])
        tail = sum(
            (noise(rng, n, low, high, 2.0) * level * np.exp(-6.91 * t / rt60)).astype(np.float32)
            for (low, high, rt60), level in zip(bands, (0.5, 0.8, 0.55), strict=True)
        )
        tail = np.asarray(tail) * np.minimum(1, t / 0.025)
        for delay, level in zip(rng.uniform(0.004, 0.06, 6), (6.0, -5.0, 4.5, 4.0, -3.5, 3.0), strict=True):
            tail[round(delay * SAMPLE_RATE)] += level
        tail[-SAMPLE_RATE // 4 :] *= np.linspace(1, 0, SAMPLE_RATE // 4, dtype=np.float32)
        sides.append(np.concatenate((np.zeros(predelay, np.float32), tail / np.sqrt(np.sum(tail**2)))))
    return np.stack(sides).astype(np.float32)


def _fft_size(least: int) -> int:
    """The smallest 2^a 3^b 5^c that is at least `least`: lengths that the FFT takes without detours."""
    sizes = [2 << a for a in range(24)]
    return min(size * odd for size in sizes for odd in (1, 3, 5, 9, 15, 25) if size * odd >= least)
