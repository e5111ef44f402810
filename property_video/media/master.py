"""Mastering: from any float mix to the film's loudness, peaks and fades, in two streaming passes.

Here: tone, width, compression, loudness and the limiter.
Not here: making the mix (synthesize.py) and measuring a finished file (loudness.py).

The first pass filters the mix with FFT blocks and keeps, for every 16 samples, the K-weighted energy and the
oversampled peak: 12 kB a second. Compressor, fades, loudness and limiter are then gains computed on that small table,
as often as it takes, and the second pass multiplies them in and writes 16 bits.
"""

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt

from property_video.core.errors import BadOutput
from property_video.core.film import SAMPLE_RATE
from property_video.core.sound import CEILING_DBTP, FADE_S, TARGET_LUFS

Samples = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating]
Spectrum = npt.NDArray[np.complexfloating]

HOP: Final = 16
"""Samples per entry of the gain table: gains move every third of a millisecond."""

MARGIN: Final = 12_288
"""Samples read on both sides of an FFT block and thrown away: the low cut's ringing is below -120 dB by then."""

FFT: Final = 163_840
BLOCK: Final = FFT - 2 * MARGIN
"""An FFT block of 2^15 x 5 gives 2.9 s of output."""

OVERSAMPLING: Final = 4

COMPRESSOR_RATIO: Final = 2.0
COMPRESSOR_BELOW_LU: Final = 2.0
"""The compressor's threshold lies this far under the mix's own loudness."""
COMPRESSOR_S: Final = 0.15

TONE: Final = ((60, -2.0), (150, 1.5), (320, -1.0), (650, -2.5), (1500, 0.5), (4000, 2.5), (9000, 6.0), (16_000, 7.0))
"""Equalizer of a raw mix: Hz and dB. Warmth under 200 Hz, air above 8 kHz, less where all chords lie."""

SIDE: Final = 0.05
"""How much wider than mixed: the room is wide already, and a phone plays the middle alone."""

MOST_LIMITING: Final = 4.0
"""Gain beyond what would make a recording as loud as it should be, all of it taken back from its peaks: 12 dB."""

LIMITER_ATTACK_S, LIMITER_RELEASE_S = 0.005, 0.080


@dataclass(frozen=True, slots=True)
class Table:
    """K-weighted energy (sum of squares, both channels) and oversampled peak of every `HOP` samples."""

    energy: Reals
    peak: Reals


def master(mix: Path, out: Path, *, polish: bool = True) -> None:
    """Masters `mix` to `out`: 16-bit stereo WAV, 48 kHz, as many samples as the mix has.

    Args:
        mix: raw interleaved stereo float32 at 48 kHz.
        out: appears only when complete.
        polish: low cut, tilt, width and compression, for a raw mix. A finished recording goes without and gets
            fades, gain and the limiter alone.

    Raises:
        BadOutput: the mix is silent or not finite.
    """
    samples = mix.stat().st_size // 8
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        toned, finished = Path(folder) / "toned.f32", Path(folder) / "finished.wav"
        table = _tone(mix, toned, samples, polish)
        _write(toned, _gains(table, samples, polish), samples, finished)
        finished.replace(out)


# -- first pass: filters and the table ---------------------------------------------------------------------------------


def _tone(mix: Path, toned: Path, samples: int, polish: bool) -> Table:
    frequencies = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    middle, side = _curves(frequencies) if polish else (np.ones(1), np.ones(1))
    weighting = k_weighting(frequencies)
    energies, peaks = [], []
    with toned.open("wb") as stream:
        for size, block in _overlapping_blocks(mix, samples):
            left_right = np.fft.rfft(block, axis=1)
            m, s = (left_right[0] + left_right[1]) * middle / 2, (left_right[0] - left_right[1]) * side / 2
            energy, peak, parts = np.zeros(BLOCK // HOP), np.zeros(BLOCK // HOP), []
            for spectrum in (m + s, m - s):
                fine = np.fft.irfft(spectrum, FFT * OVERSAMPLING) * OVERSAMPLING
                fine = fine[MARGIN * OVERSAMPLING : -MARGIN * OVERSAMPLING]
                parts.append(fine[::OVERSAMPLING].astype(np.float32))
                np.maximum(peak, np.abs(fine).reshape(-1, HOP * OVERSAMPLING).max(axis=1), out=peak)
                weighted = np.fft.irfft(spectrum * weighting, FFT)[MARGIN:-MARGIN]
                energy += np.square(weighted).reshape(-1, HOP).sum(axis=1)
            stream.write(np.stack(parts, axis=1)[:size].tobytes())
            hops = -(-size // HOP)
            energies.append(energy[:hops])
            peaks.append(peak[:hops])
    return Table(np.concatenate(energies), np.concatenate(peaks))


def _overlapping_blocks(mix: Path, samples: int) -> Iterator[tuple[int, Samples]]:
    """Samples to keep, and (2, FFT) of the mix around them; silence before and after the file."""
    with mix.open("rb") as stream:
        for start in range(0, samples, BLOCK):
            first, last = max(0, start - MARGIN), min(samples, start + BLOCK + MARGIN)
            stream.seek(first * 8)
            read = np.frombuffer(stream.read((last - first) * 8), np.float32).reshape(-1, 2)
            if not np.isfinite(read).all():
                raise BadOutput(f"{mix.name} holds samples that are not numbers.", "Make the track again.")
            block = np.zeros((2, FFT), np.float32)
            offset = first - (start - MARGIN)
            block[:, offset : offset + len(read)] = read.T
            yield min(BLOCK, samples - start), block


def _curves(f: Reals) -> tuple[Spectrum, Spectrum]:
    """Responses for middle and side: second-order low cut at 36 Hz, `TONE`, and a little width above 250 Hz.

    The low cut is causal (as its IIR model), the others have no phase.
    """
    s = 1j * f / 36.0
    low_cut = s**2 / (s**2 + np.sqrt(2) * s + 1)
    points = np.log2([hertz for hertz, _ in TONE])
    tone = 10 ** (np.interp(np.log2(np.maximum(f, 1)), points, [decibels for _, decibels in TONE]) / 20)
    wider = 1 + SIDE / (1 + (250 / np.maximum(f, 1)) ** 2)
    return low_cut * tone, low_cut * tone * wider


def k_weighting(f: Reals) -> Spectrum:
    """Response of ITU-R BS.1770-4's two filters at 48 kHz (its tables 1 and 2) for frequencies `f` in Hz."""
    z = np.exp(-2j * np.pi * f / SAMPLE_RATE)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(shelf * high_pass)


# -- the gain table ----------------------------------------------------------------------------------------------------


def _gains(table: Table, samples: int, polish: bool) -> Reals:
    """Gain of every hop, limiter included: the film's loudness within .02 LU, peaks under the ceiling."""
    own = integrated_loudness(table.energy)
    if not np.isfinite(own):
        raise BadOutput("The mix is silent.", "Make the track again, or give a recording that can be heard.")
    shape = _compression(table.energy, own) if polish else np.ones_like(table.energy)
    centres = (np.arange(len(shape)) + 0.5) * HOP
    shape = shape * fades(centres, samples)
    ceiling = 10 ** (CEILING_DBTP / 20)
    level = wanted = 10 ** ((TARGET_LUFS - own) / 20)
    known = [0.0, np.inf]  # levels that are too low and too high
    for _ in range(40):
        gains = level * shape
        gains = gains * _limiter(table.peak * gains, ceiling)
        error = TARGET_LUFS - integrated_loudness(table.energy * gains**2)
        if abs(error) < 0.01:
            break
        known[error < 0] = level
        level *= 10 ** (error / 20)
        if not known[0] < level < known[1]:
            level = (known[0] + known[1]) / 2
    if not polish and level > MOST_LIMITING * wanted:
        raise BadOutput(
            f"The track cannot be brought to {TARGET_LUFS:g} LUFS: its peaks stand too far above the rest.",
            "Give a recording that is less sparse.",
        )
    return gains


def fades(positions: Reals, samples: int) -> Reals:
    """Gain at sample positions of a film of `samples`: squared sine in, squared cosine out, `FADE_S` each."""
    length = min(FADE_S * SAMPLE_RATE, samples / 2)
    edge = np.clip(np.minimum(positions, samples - positions) / length, 0, 1)
    return np.asarray(np.sin(np.pi / 2 * edge) ** 2)


def _compression(energy: Reals, own: float) -> Reals:
    """Gain of a compressor that follows the K-weighted level over `COMPRESSOR_S`, looking as far ahead as back."""
    window = round(COMPRESSOR_S * SAMPLE_RATE / HOP)
    level = 10 * np.log10(_average(_average(energy, window), window) / HOP + 1e-12) - 0.691
    over = np.maximum(0, level - (own - COMPRESSOR_BELOW_LU))
    return np.asarray(10 ** (-over * (1 - 1 / COMPRESSOR_RATIO) / 20))


def _average(values: Reals, window: int) -> Reals:
    """Moving average over `window` (made odd) entries, edges repeated."""
    half = window // 2
    sums = np.cumsum(np.concatenate(([0.0], np.pad(values, half, mode="edge"))))
    return np.asarray((sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1))


def _limiter(peak: Reals, ceiling: float) -> Reals:
    """Gain that keeps `peak` at or under `ceiling`, anticipating each peak and letting go exponentially.

    A running minimum over the look-ahead, averaged over the same span: every averaged value suffices for the hop, so
    the average does. One hop more on each side covers the interpolation between hops.
    """
    needed = np.maximum(1 - ceiling / np.maximum(peak, 1e-9), 1e-9)
    # d[i] = max(needed[i], d[i-1] exp(-1/r)), as a running maximum of log needed[i] + i/r
    clock = np.arange(len(needed)) / (LIMITER_RELEASE_S * SAMPLE_RATE / HOP)
    reduction = np.exp(np.maximum.accumulate(np.log(needed) + clock) - clock)
    ahead = round(LIMITER_ATTACK_S * SAMPLE_RATE / HOP)
    low = _running_minimum(1 - reduction, 1, ahead + 1)
    kernel = np.hanning(ahead + 3)[1:-1]
    return np.asarray(np.convolve(np.pad(low, (ahead, 0), mode="edge"), kernel / kernel.sum(), mode="valid"))


def _running_minimum(values: Reals, before: int, after: int) -> Reals:
    """Smallest of values[i - before : i + after + 1], by doubling spans."""
    span = before + after + 1
    padded = np.pad(values, (before, after), constant_values=np.inf)
    width = 1
    while 2 * width <= span:
        padded = np.minimum(padded[:-width], padded[width:])
        width *= 2
    rest = span - width
    return padded if rest == 0 else np.minimum(padded[:-rest], padded[rest:])


def integrated_loudness(energy: Reals) -> float:
    """Integrated loudness in LUFS by ITU-R BS.1770-4 from K-weighted energies per hop; -inf for silence.

    Blocks of 400 ms every 100 ms, absolute gate -70, relative gate -10.
    """
    step = SAMPLE_RATE // 10 // HOP
    if len(energy) < 4 * step:
        energy = np.pad(energy, (0, 4 * step - len(energy)))
    tenths = energy[: len(energy) // step * step].reshape(-1, step).sum(axis=1)
    blocks = np.convolve(tenths, np.ones(4), mode="valid") / (0.4 * SAMPLE_RATE)
    loud = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return float("-inf")
    gated = loud[loud > loud.mean() / 10]
    return float(10 * np.log10(gated.mean()) - 0.691)


# -- second pass -------------------------------------------------------------------------------------------------------


def _write(toned: Path, gains: Reals, samples: int, out: Path) -> None:
    """Applies gains and exact fades, dithers (triangular, 1 LSB; Lipshitz et al. 1992) and writes 16 bits."""
    rng = np.random.default_rng(16)
    centres = (np.arange(len(gains)) + 0.5) * HOP
    smooth = gains / np.maximum(fades(centres, samples), 1e-9)
    with toned.open("rb") as stream, wave.open(str(out), "wb") as track:
        track.setnchannels(2)
        track.setsampwidth(2)
        track.setframerate(SAMPLE_RATE)
        for start in range(0, samples, BLOCK):
            sound = np.frombuffer(stream.read(BLOCK * 8), np.float32).reshape(-1, 2)
            at = np.arange(start, start + len(sound)) + 0.5
            gain = np.interp(at, centres, smooth) * fades(at, samples)
            dither = rng.random(sound.shape, np.float32) - rng.random(sound.shape, np.float32)
            steps = np.rint(sound * (gain * 32767)[:, None].astype(np.float32) + dither)
            track.writeframes(np.clip(steps, -32768, 32767).astype("<i2").tobytes())
