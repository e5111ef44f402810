"""The band: what each instrument sounds like, from formulas alone.

Here: one function per instrument, from pitch and touch to samples, and the band that plays them at any length.
Not here: when a note sounds (core/score.py), levels, places and room (synthesize.py).

Struck instruments are sums of partials, each `a exp(-t/d) cos(2 pi f t + p)` (modal synthesis: J. O. Smith, "Physical
Audio Signal Processing"); pad and strings are loops made in one inverse FFT from widened partials (PADsynth: P. Nasca
Octavian, zynaddsubfx); drums and cymbals are shaped noise. Samples are float32 at 48 kHz, shape (channels, n) with one
channel or two, peaks near 1. Times are seconds, frequencies Hz, pitches MIDI numbers, touch 0..1 (soft to hard).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.core.film import SAMPLE_RATE
from property_video.core.moods import Instrument

Samples = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating]

TOUCHES: Final = (0.35, 0.55, 0.75, 0.95)
"""Touches at which sounds are rendered; the level follows the exact velocity."""

TAKES: Final = 4
"""Different takes of each noise, played in turn, so that no two neighbours are the same samples."""

GRAIN: Final = SAMPLE_RATE // 2
"""Struck sounds are rendered in lengths of half seconds, so that notes of similar lengths share one."""

CACHED_BYTES: Final = 28_000_000
"""Sounds kept for reuse; a repeated arpeggio is rendered once."""

HOP: Final = 64
"""Samples per row of a sum of partials (see `partials`)."""

ONE_THREAD: Final = 2**18
"""Multiplications up to which OpenBLAS stays on one thread. Above it, the second thread spins for longer than it works:
a film of 28 s took 3.2 instead of 1.5 CPU seconds, and results would depend on the number of cores."""

LOOP: Final = 131_072
"""Samples of a pad's loop: 2.7 s, bins of .37 Hz, under 4 cents of the lowest voice."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What to render: everything that changes the samples before release and level are applied."""

    instrument: Instrument
    pitch: int
    touch: float
    take: int
    n: int

    def dice(self, salt: int = 0) -> np.random.Generator:
        """This sound's own random stream."""
        return np.random.default_rng([*self.instrument.encode(), self.pitch, self.take, salt])


class Band:
    """Plays notes, rendering each sound once; the least recently played are forgotten first."""

    def __init__(self) -> None:
        self._sounds: OrderedDict[Sound, Samples] = OrderedDict()
        self._bytes = 0
        self._strokes: dict[Instrument, int] = {}

    def play(self, instrument: Instrument, pitch: int, velocity: float, length: int) -> Samples:
        """A note of `length` samples until its release, at full level for velocity 1: (1 or 2, n)."""
        touch = min(TOUCHES, key=lambda t: abs(t - velocity))
        level = np.float32(velocity**1.25)
        if instrument in STRUCK:
            make, release = STRUCK[instrument]
            n = length + _samples(release)
            sound = self._sound(Sound(instrument, pitch, touch, 0, -(-n // GRAIN) * GRAIN), make)
            return _shape(sound[:, :n] * level, 0.0, release)
        if instrument in SUSTAINED:
            make, voice = SUSTAINED[instrument]
            return voice(self._sound(Sound(instrument, pitch, 1.0, 0, LOOP), make), length, velocity) * level
        take = self._strokes[instrument] = (self._strokes.get(instrument, -1) + 1) % (TAKES if pitch == 0 else 1)
        n = length if instrument == "riser" else 0
        return self._sound(Sound(instrument, pitch, touch, take, n), ONE_SHOT[instrument]) * level

    def _sound(self, sound: Sound, make: Callable[[Sound], Samples]) -> Samples:
        if sound in self._sounds:
            self._sounds.move_to_end(sound)
            return self._sounds[sound]
        samples = self._sounds[sound] = np.atleast_2d(make(sound)).astype(np.float32, copy=False)
        self._bytes += samples.nbytes
        while self._bytes > CACHED_BYTES and len(self._sounds) > 1:
            self._bytes -= self._sounds.popitem(last=False)[1].nbytes
        return samples


# -- building blocks --------------------------------------------------------------------------------------------------


def _hertz(pitch: float) -> float:
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def _seconds(n: int) -> Samples:
    return (np.arange(n) / SAMPLE_RATE).astype(np.float32)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


@lru_cache(maxsize=32)
def _ramp(n: int) -> Samples:
    """Raised cosine from 0 to 1 in n samples."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)


def _shape(sound: Samples, attack: float, release: float) -> Samples:
    """Raised-cosine ramps at both ends, in place."""
    rise, fall = min(_samples(attack), sound.shape[-1]), min(_samples(release), sound.shape[-1])
    if rise:
        sound[..., :rise] *= _ramp(rise)
    if fall:
        sound[..., -fall:] *= _ramp(fall)[::-1]
    return sound


def partials(frequencies: Reals, amplitudes: Reals, decays: Reals, phases: Reals, n: int) -> Samples:
    """Sum of decaying cosines, n samples; all arguments have one entry per partial.

    exp(w (a + b)) = exp(w a) exp(w b): with a on a coarse and b on a fine grid the whole sum over partials is one
    matrix product, and the two grids are running products: no sine and no exponential per sample.
    """
    w = 2j * np.pi * frequencies / SAMPLE_RATE - 1.0 / (decays * SAMPLE_RATE)
    rows = max(2, ONE_THREAD // (HOP * 2 * len(w)))
    coarse = np.empty((-(-n // (HOP * rows)) * rows, len(w)), np.complex128)
    coarse[0], coarse[1:] = amplitudes * np.exp(1j * phases), np.exp(w * HOP)
    fine = np.empty((HOP, len(w)), np.complex128)
    fine[0], fine[1:] = 1, np.exp(w)
    np.multiply.accumulate(coarse, axis=0, out=coarse)
    np.multiply.accumulate(fine, axis=0, out=fine)
    left = np.concatenate((coarse.real, coarse.imag), axis=1).astype(np.float32)
    right = np.concatenate((fine.real, -fine.imag), axis=1).astype(np.float32)
    return np.asarray((left.reshape(-1, rows, left.shape[1]) @ right.T).reshape(-1)[:n])


def noise(rng: np.random.Generator, n: int, low: float, high: float, slope: float = 2.0) -> Samples:
    """Noise between two frequencies, its edges falling 6 dB an octave per `slope`, RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n, dtype=np.float32))
    f = np.fft.rfftfreq(n, 1 / SAMPLE_RATE) + 1e-3
    spectrum *= 1 / np.sqrt((1 + (low / f) ** (2 * slope)) * (1 + (f / high) ** (2 * slope)))
    sound = np.fft.irfft(spectrum, n)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-12), dtype=np.float32)


def loops(sound: Sound, cents: float, width: float, spectra: tuple[Callable[[Reals], Reals], ...]) -> Samples:
    """Endless tones (2 * spectra, LOOP), left and right for every spectrum, of a saw with partials `cents` wide.

    Every partial becomes a bell curve of random phases around its frequency, as many players would sound. The
    spectra share their phases, so that crossfading between them changes colour alone. `width` is the level of the
    side signal against the middle. RMS of the first spectrum's middle is .25.
    """
    f0, f = _hertz(sound.pitch), np.fft.rfftfreq(LOOP, 1 / SAMPLE_RATE)
    bin_hz = SAMPLE_RATE / LOOP
    power = np.zeros(len(f))
    for k in range(1, int(9_000 / f0) + 1):
        spread = max(f0 * k * (2 ** (cents / 1200) - 1), bin_hz)
        first, last = (round((f0 * k + 3 * sign * spread) / bin_hz) for sign in (-1, 1))
        bell = np.exp(-(((f[first : last + 1] - f0 * k) / spread) ** 2))
        power[first : last + 1] += bell / bell.sum() / k**2
    pairs = sound.dice().standard_normal((2, len(f), 2), dtype=np.float32).view(np.complex64)[:, :, 0]
    phases = pairs * np.sqrt(power).astype(np.float32)
    rows: list[Samples] = []
    for spectrum in spectra:
        m, s = np.fft.irfft(phases * spectrum(f).astype(np.float32), LOOP)
        rows += [m + width * s, m - width * s]
    loudness = np.sqrt(np.mean(np.square(rows[0] + rows[1])) / 4)
    return np.asarray(np.stack(rows) * (0.25 / loudness), dtype=np.float32)


def _endless(loop: Samples, n: int) -> Samples:
    """N samples of a loop."""
    return np.concatenate([loop] * -(-n // LOOP), axis=1)[:, :n]


# -- struck and plucked -----------------------------------------------------------------------------------------------


def _piano(sound: Sound) -> Samples:
    """Felted grand: stiff-string partials f k sqrt(1 + B k^2), two strings per note, prompt and after-sound decay.

    Stiffness and decays are in the ranges of Fletcher and Rossing, "The Physics of Musical Instruments", ch. 12; the
    felt is a low pass that opens with touch, the strike at 1/8 of the string weakens every eighth partial.
    """
    f0, touch = _hertz(sound.pitch), sound.touch
    stiffness = 0.00018 * 2 ** ((sound.pitch - 60) / 18)
    k = np.arange(1, 33)
    f = f0 * k * np.sqrt(1 + stiffness * k**2)
    k, f = k[f < 11_000], f[f < 11_000]
    felt = (1000 + 4400 * touch**1.5) * (f0 / 261.6) ** 0.4
    strength = np.abs(np.sin(np.pi * k / 8.2)) * k**-0.75 * np.exp(-(((f - f0) / felt) ** 0.8))
    strength *= 0.62 / np.sqrt(np.sum(strength**2))
    slower = 2 ** (-(sound.pitch - 60) / 20)
    prompt, after = 0.62 * slower / (1 + 0.10 * (k - 1)), 2.4 * slower / (1 + 0.22 * (k - 1))
    rng = sound.dice()
    samples = partials(
        np.concatenate((f, f * 0.99992, f * 1.00009)),
        np.concatenate((0.74 * strength, 0.19 * strength, 0.15 * strength)),
        np.concatenate((prompt, after, after * 0.9)),
        rng.uniform(0, 2 * np.pi, 3 * len(k)),
        sound.n,
    )
    _shape(samples, 0.0065 - 0.004 * touch, 0.0)
    n = _samples(0.06)
    knock = noise(rng, n, 90, 500 + 1900 * touch) * np.exp(-_seconds(n) / 0.011) * np.float32(0.03 + 0.03 * touch)
    samples[:n] += _shape(knock, 0.0015, 0.01)
    return samples


def _pluck(sound: Sound) -> Samples:
    """Plucked nylon: partials of an ideal string plucked at 1/5, upper ones dying first."""
    f0, touch = _hertz(sound.pitch), sound.touch
    k = np.arange(1, 25)
    f = f0 * k * np.sqrt(1 + 4e-5 * k**2)
    k, f = k[f < 12_000], f[f < 12_000]
    strength = np.abs(np.sin(np.pi * k / 5.3)) / k**1.1 * np.exp(-f / (2400 + 6000 * touch))
    strength *= 0.62 / np.sqrt(np.sum(strength**2))
    decays = 0.62 * 2 ** (-(sound.pitch - 60) / 24) / (1 + 0.16 * (k - 1) ** 1.3)
    phases = sound.dice().uniform(-0.4, 0.4, len(k)) - np.pi / 2
    return _shape(partials(f, strength, decays, phases, sound.n), 0.0018, 0.0)


def _lead(sound: Sound) -> Samples:
    """Electric piano: FM 1:1 with a decaying index and a tine at 1:14, vibrato after a quarter second."""
    f0, touch = _hertz(sound.pitch), sound.touch
    t = _seconds(sound.n).astype(np.float64)
    vibrato = 0.0022 * f0 / 5.2 * np.clip((t - 0.25) / 0.4, 0, 1) * np.sin(2 * np.pi * 5.2 * t)
    phase = 2 * np.pi * f0 * t + vibrato
    index = (0.35 + 1.15 * touch) * np.exp(-t / 0.7) + 0.2
    tine = 0.06 * touch * np.exp(-t / 0.09) * np.sin(min(14.0, 9_000 / f0) * phase)
    samples = (np.sin(phase + index * np.sin(phase)) + tine) * np.exp(-t / 1.5) * 0.75
    return _shape(np.asarray(samples - samples.mean(), dtype=np.float32), 0.006, 0.0)


def _bass(sound: Sound) -> Samples:
    """Round bass: a saturated sine with second and third harmonic, so that small speakers hear it."""
    t = _seconds(sound.n).astype(np.float64)
    phase = 2 * np.pi * _hertz(sound.pitch) * t
    bite = 0.35 + 0.5 * sound.touch * np.exp(-t / 0.12)
    samples = np.tanh(1.3 * (np.sin(phase) + bite * (0.5 * np.sin(2 * phase) + 0.3 * np.sin(3 * phase))))
    samples *= 0.8 * (0.4 + 0.6 * np.exp(-t / 0.5))
    return _shape(np.asarray(samples, dtype=np.float32), 0.009, 0.0)


def _bell(sound: Sound) -> Samples:
    """Celesta-like bell: bar partials 1 : 2.76 : 5.40 : 8.93 over a warm octave."""
    f = _hertz(sound.pitch) * np.array([0.5, 1.0, 1.0017, 2.0, 2.756, 5.404, 8.933])
    strength = np.array([0.12, 0.55, 0.30, 0.16, 0.22, 0.12, 0.05]) * np.array([1, 1, 1, 1, *[sound.touch] * 3])
    decays = np.array([0.9, 1.3, 1.2, 0.8, 0.45, 0.22, 0.1])
    keep = f < 14_000
    phases = np.full(int(keep.sum()), -np.pi / 2)
    return _shape(partials(f[keep], strength[keep], decays[keep], phases, _samples(2.6)), 0.0015, 0.5)


# -- pad and strings --------------------------------------------------------------------------------------------------

BODY: Final = ((280.0, 0.7, 0.5), (480.0, 0.5, 0.4), (1100.0, 0.35, 0.5), (2400.0, 0.6, 0.6))
"""Resonances of a string section: centre in Hz, gain, width in octaves."""


def _body(f: Reals) -> Reals:
    octaves = np.log2(np.maximum(f, 20.0))
    peaks = [gain * np.exp(-(((octaves - np.log2(centre)) / width) ** 2)) for centre, gain, width in BODY]
    return np.asarray((0.55 + np.sum(peaks, axis=0)) / (1 + (f / 5600) ** 3))


def _pad_loop(sound: Sound) -> Samples:
    """Dark and bright versions of a warm pad."""
    return loops(sound, 9.0, 0.45, (lambda f: 1 / (1 + (f / 600) ** 3), lambda f: 1 / (1 + (f / 2100) ** 2)))


def _pad(loop: Samples, length: int, velocity: float) -> Samples:
    """A low pass that opens towards the middle of the note and closes again."""
    n = length + _samples(1.1)
    dark, bright = np.split(_endless(loop, n), 2)
    opening = (0.15 + 0.6 * velocity**2) * np.sin(np.pi * np.arange(n) / n) ** 2
    return _shape(np.asarray(dark + (bright - dark) * opening, dtype=np.float32), 0.3, 1.1)


def _strings_loop(sound: Sound) -> Samples:
    """Soft and full bowing of a section."""
    return loops(sound, 17.0, 0.5, (lambda f: _body(f) / (1 + (f / 1400) ** 2), _body))


def _strings(loop: Samples, length: int, velocity: float) -> Samples:
    """A swell over a second, with the slow beating of many bows."""
    n = length + _samples(0.7)
    soft, full = np.split(_endless(loop, n), 2)
    t = _seconds(n)
    swell = (0.2 + 0.8 * velocity) * np.minimum(1, 0.3 + t / 1.4) * (0.92 + 0.08 * np.sin(2 * np.pi * 5.1 * t))
    return _shape(np.asarray(soft + (full - soft) * swell, dtype=np.float32), 0.2, 0.7)


# -- noises -----------------------------------------------------------------------------------------------------------


def _kick(sound: Sound) -> Samples:
    """Soft kick: a sine gliding from 150 to 47 Hz, with a felt beater."""
    n = _samples(0.5)
    t = _seconds(n).astype(np.float64)
    phase = 2 * np.pi * (47 * t + 103 * 0.021 * (1 - np.exp(-t / 0.021)))
    beater = noise(sound.dice(), n, 900, 4200, 1.0) * np.exp(-t / 0.004) * 0.1 * sound.touch
    return _shape(np.asarray(np.sin(phase) * np.exp(-t / 0.15) + beater, dtype=np.float32), 0.0012, 0.12)


def _shaker(sound: Sound) -> Samples:
    n = _samples(0.13)
    t = _seconds(n)
    envelope = np.minimum(1, (t / 0.012) ** 1.5) * np.exp(-np.maximum(0, t - 0.012) / (0.018 + 0.02 * sound.touch))
    grains = noise(sound.dice(), n, 5600, 15_000) * envelope * 0.3
    return _shape(np.asarray(grains, dtype=np.float32), 0.001, 0.03)


def _rim(sound: Sound) -> Samples:
    """Finger snap on wood: three tuned modes and a short band of noise."""
    n = _samples(0.22)
    t = _seconds(n)
    modes = partials(
        np.array([455.0, 1120.0, 1720.0]),
        np.array([0.16, 0.22, 0.15]),
        np.array([0.02, 0.014, 0.011]),
        np.full(3, -np.pi / 2),
        n,
    )
    snap = noise(sound.dice(), n, 1500, 8500, 1.5) * (np.exp(-t / 0.012) + 0.22 * np.exp(-t / 0.055)) * 0.12
    return _shape(np.asarray(modes + snap, dtype=np.float32), 0.0012, 0.06)


def _cymbal(sound: Sound) -> Samples:
    """Light crash: a bright band that falls at once and a lower one that stays, different on both sides."""
    n = _samples(2.4)
    t = _seconds(n)
    fast, slow = np.exp(-t / 0.09) * 0.6 + np.exp(-t / 0.55) * 0.4, np.exp(-t / 0.85) * 0.35
    sides = [
        noise(sound.dice(side), n, 6500, 15_000) * fast + noise(sound.dice(side + 2), n, 2800, 7000) * slow
        for side in (0, 1)
    ]
    return _shape(np.asarray(np.stack(sides) * 0.2, dtype=np.float32), 0.0012, 0.6)


def _riser(sound: Sound) -> Samples:
    """Swelling noise that climbs from 700 Hz to 11 kHz and lets go .22 s before the cut, so as not to mask it."""
    n = max(sound.n, _samples(0.4))
    p = np.arange(n) / n
    sides = []
    for side in (0, 1):
        climb = np.zeros(n)
        for index, centre in enumerate(np.geomspace(700, 11_000, 6)):
            here = np.maximum(0, 1 - np.abs(p * 5.5 - index) / 1.4)
            climb += noise(sound.dice(10 * side + index), n, centre / 1.3, centre * 1.3) * here
        sides.append(climb * p**2.2 * 0.16)
    return _shape(np.asarray(np.stack(sides), dtype=np.float32), 0.05, 0.22)


STRUCK: Final[Mapping[Instrument, tuple[Callable[[Sound], Samples], float]]] = {
    "piano": (_piano, 0.22),
    "pluck": (_pluck, 0.25),
    "lead": (_lead, 0.30),
    "bass": (_bass, 0.09),
}
"""Instruments that ring until a damper falls, with the damper's time."""

SUSTAINED: Final[Mapping[Instrument, tuple[Callable[[Sound], Samples], Callable[[Samples, int, float], Samples]]]] = {
    "pad": (_pad_loop, _pad),
    "strings": (_strings_loop, _strings),
}
"""Instruments that sound as long as they are held: their loops, and how a note is made of them."""

ONE_SHOT: Final[Mapping[Instrument, Callable[[Sound], Samples]]] = {
    "bell": _bell,
    "kick": _kick,
    "shaker": _shaker,
    "rim": _rim,
    "cymbal": _cymbal,
    "riser": _riser,
}
"""Instruments that sound as long as they do."""
