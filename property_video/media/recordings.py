"""A client's own track: decoding it, listening to it, cutting it to a film.

Here: any file PyAV opens, as stereo at 48 kHz in blocks, so that memory does not grow with its length.
Not here: where its beats are (core/beats.py), which part is played (core/fit.py), loudness and fades (master.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from property_video.core.beats import FRAMES_PER_S, find_pulse
from property_video.core.errors import BadInput
from property_video.core.film import SAMPLE_RATE
from property_video.core.fit import Fit, fit
from property_video.core.recording import LONGEST_RECORDING_S, SILENT_DBFS
from property_video.media.master import master

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating]

FRAME: Final = SAMPLE_RATE // FRAMES_PER_S
WINDOW: Final = 2048
"""Samples of a spectrum: 43 ms, short enough for onsets, long enough for bass."""

BANDS: Final = 24
"""Third octaves from 50 Hz to 10 kHz."""

FLOOR_DB: Final = -70.0
"""Levels under this (against full scale) are silence: the noise of a quiet passage has no onsets."""

BLOCK: Final = 10 * SAMPLE_RATE
"""Samples that are listened to at once: 4 MB of sound, 16 MB of spectra."""

SEAM_S: Final = 0.030
"""Crossfade before a jump: it ends on the beat, so that the beat itself is whole."""

Progress = Callable[[int, int], None]
"""Hears samples done, of how many."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What listening to a recording gives.

    `levels` are dB of third-octave bands, shape (frames, bands), `FRAMES_PER_S`; `loudness` is dB of the whole, ten
    values a second. `audible` are the seconds between which something is heard.
    """

    samples: int
    levels: Reals
    loudness: Reals
    audible: tuple[float, float]

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.samples / SAMPLE_RATE

    @property
    def loudest_dbfs(self) -> float:
        """RMS level of the loudest 400 ms."""
        power = np.convolve(10 ** (self.loudness / 10), np.full(4, 0.25), mode="same")
        return float(10 * np.log10(power.max(initial=0.0) + 1e-12))


def decode(path: Path, name: str) -> Iterator[Samples]:
    """The sound of a file as (n, 2) floats at 48 kHz, mono on both sides, surround mixed down.

    Packets that are damaged are left out, as players do. Decoding ends shortly after `LONGEST_RECORDING_S`.

    Raises:
        BadInput: the file is missing, cannot be read as sound, or has none; `name` is what people call it.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise BadInput(f"music.file: {name} has no sound.", "Give a sound file.")
            done = 0
            for block in _resampled(container):
                done += len(block)
                yield block
                if done > (LONGEST_RECORDING_S + 1) * SAMPLE_RATE:
                    return
    except (av.FFmpegError, OSError) as error:
        raise BadInput(
            f"music.file: {name} cannot be read as sound: {error}.", "Export it again as MP3, M4A, FLAC or WAV."
        ) from error
    if not done:
        raise BadInput(f"music.file: {name} has no sound.", "Export it again as MP3, M4A, FLAC or WAV.")


def _resampled(container: "av.container.InputContainer") -> Iterator[Samples]:
    import av

    made_for, resampler = None, None
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            if resampler is None or form != made_for:
                if resampler is not None:
                    yield from map(_stereo, resampler.resample(None))
                made_for, resampler = form, av.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)
            frame.pts = None  # gaps in time stamps are not silence to be filled in
            yield from map(_stereo, resampler.resample(frame))
    if resampler is not None:
        yield from map(_stereo, resampler.resample(None))


def _stereo(frame: "av.AudioFrame") -> Samples:
    return np.nan_to_num(frame.to_ndarray().reshape(-1, 2).astype(np.float32, copy=False))


# -- listening ---------------------------------------------------------------------------------------------------------


def listen(path: Path, name: str) -> Heard:
    """Decode a recording once and measure what choosing a part of it needs.

    Raises:
        BadInput: see `decode`.
    """
    samples, levels, powers = 0, [], []
    rest = np.zeros(WINDOW // 2, np.float32)
    filters = _third_octaves()
    for block in _blocks(decode(path, name), BLOCK):
        samples += len(block)
        mono = np.concatenate((rest, block.mean(axis=1)))
        count = max(0, (len(mono) - WINDOW) // FRAME + 1)
        levels.append(_band_levels(mono, count, filters))
        rest = mono[count * FRAME :]
        powers.append(_tenths(block))
    levels.append(
        _band_levels(tail := np.pad(rest, (0, WINDOW // 2)), max(0, (len(tail) - WINDOW) // FRAME + 1), filters)
    )
    loudness = 10 * np.log10(np.concatenate(powers) + 1e-12)
    return Heard(samples, np.concatenate(levels), loudness, _audible(loudness, samples))


def _blocks(parts: Iterator[Samples], size: int) -> Iterator[Samples]:
    """The same samples in blocks of `size`, the last one shorter."""
    held: list[Samples] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part)
        while count >= size:
            whole = np.concatenate(held)
            yield whole[:size]
            held, count = [whole[size:]], count - size
    if count:
        yield np.concatenate(held)


def _third_octaves() -> Samples:
    """Weights that sum the power of FFT bins to bands, shape (bins, BANDS)."""
    f = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    centres = 50 * 2 ** (np.arange(BANDS) / 3)
    octaves = np.log2(np.maximum(f, 1)[:, None] / centres[None, :])
    weights = np.maximum(0, 1 - np.abs(octaves) * 3)
    nearest = np.abs(f[:, None] - centres[None, :]).argmin(axis=0)
    weights[nearest, np.arange(BANDS)] = np.maximum(weights[nearest, np.arange(BANDS)], 0.5)
    return np.asarray(weights, dtype=np.float32)


def _band_levels(mono: Samples, count: int, filters: Samples) -> Reals:
    if not count:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::FRAME][:count]
    window = np.hanning(WINDOW).astype(np.float32)
    levels = []
    for start in range(0, count, 256):
        power = np.abs(np.fft.rfft(frames[start : start + 256] * window, axis=1)).astype(np.float32) ** 2
        levels.append(10 * np.log10(power @ filters / (WINDOW / 4) ** 2 + 10 ** (FLOOR_DB / 10)))
    return np.concatenate(levels)


def _tenths(block: Samples) -> Reals:
    """Mean power of every tenth of a second; the last one may be shorter."""
    size = SAMPLE_RATE // 10
    whole = len(block) // size * size
    powers = np.square(block[:whole]).reshape(-1, size * 2).mean(axis=1)
    return powers if whole == len(block) else np.append(powers, np.square(block[whole:]).mean())


def _audible(loudness: Reals, samples: int) -> tuple[float, float]:
    loud = np.flatnonzero(loudness > max(SILENT_DBFS, loudness.max(initial=-120.0) - 50))
    if not len(loud):
        return (0.0, samples / SAMPLE_RATE)
    return (max(0.0, loud[0] / 10 - 0.05), min(samples / SAMPLE_RATE, (loud[-1] + 1) / 10))


# -- cutting -----------------------------------------------------------------------------------------------------------


def fit_recording(
    path: Path, name: str, cuts: Sequence[int], samples: int, out: Path, on_progress: Progress | None = None
) -> Fit:
    """Writes a film's track from a recording: cut or looped on its beats, mastered as every track is.

    A 16-bit stereo WAV at 48 kHz of exactly `samples` samples; equal inputs give equal bytes on the same machine and
    versions. `cuts` are samples at which scenes begin, without 0.

    Raises:
        BadInput: see `decode`.
    """
    report = on_progress or (lambda done, total: None)
    heard = listen(path, name)
    report(samples // 2, samples)
    film_s, cuts_s = samples / SAMPLE_RATE, [cut / SAMPLE_RATE for cut in cuts]
    chosen = fit(find_pulse(heard.levels), heard.loudness, heard.audible, cuts_s, film_s)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        source, mix = Path(folder) / "source.f32", Path(folder) / "mix.f32"
        first = _extract(path, name, chosen, source)
        with mix.open("wb") as stream:
            for block in _assembled(source, first, chosen, samples):
                stream.write(block.tobytes())
        report(samples * 3 // 4, samples)
        master(mix, out, polish=False)
    report(samples, samples)
    return chosen


def _extract(path: Path, name: str, chosen: Fit, source: Path) -> int:
    """Write the span of the recording that is played, without its offset, to `source`; return its first sample."""
    first = max(0, round((min(part.start for part in chosen.parts) - SEAM_S) * SAMPLE_RATE))
    last = round(max(part.end for part in chosen.parts) * SAMPLE_RATE)
    at = 0
    with source.open("wb") as stream:
        for block in decode(path, name):
            stream.write(block[max(0, first - at) : max(0, last - at)].tobytes())
            at += len(block)
            if at >= last:
                break
    return first


def _assembled(source: Path, first: int, chosen: Fit, samples: int) -> Iterator[Samples]:
    """The parts one after another, each jump crossfaded, the end faded, exactly `samples` long."""
    sound = np.memmap(source, np.float32, "r").reshape(-1, 2)
    offset = sound.mean(axis=0, dtype=np.float64).astype(np.float32)
    seam = round(SEAM_S * SAMPLE_RATE)
    done, fade = 0, round(chosen.fade_s * SAMPLE_RATE)
    for number, part in enumerate(chosen.parts):
        last = number + 1 == len(chosen.parts)
        start = round(part.start * SAMPLE_RATE) - first
        end = start + (samples - done if last else round((part.end - part.start) * SAMPLE_RATE))
        ahead = round(chosen.parts[number + 1].start * SAMPLE_RATE) - first if not last else 0
        for at in range(start, end, BLOCK):
            block = _read(sound, at, min(at + BLOCK, end)) - offset
            if not last and (left := end - at - len(block)) < seam:
                _cross(block, left, _read(sound, ahead - seam, ahead) - offset)
            if fade:
                block *= _fading(done, len(block), samples, fade)[:, None]
            done += len(block)
            yield block


def _read(sound: Samples, start: int, end: int) -> Samples:
    """Samples of the span; silence where it reaches beyond the recording."""
    inside = np.array(sound[max(0, start) : max(0, end)])
    missing = max(0, -start)
    return np.pad(inside, ((missing, max(0, end - start - missing - len(inside))), (0, 0)))


def _cross(block: Samples, left: int, coming: Samples) -> None:
    """Let what comes fade in over the last samples before a jump; `left` of them are beyond this block."""
    phase = (np.arange(len(coming), dtype=np.float32) + 0.5) / len(coming) * (np.pi / 2)
    mine = len(coming) - left
    here = min(mine, len(block))
    part = slice(mine - here, mine)
    block[len(block) - here :] *= np.cos(phase[part])[:, None]
    block[len(block) - here :] += coming[part] * np.sin(phase[part])[:, None]


def _fading(start: int, count: int, samples: int, fade: int) -> Samples:
    """Gain of the last `fade` samples of a film: a quarter cosine, which keeps level longest."""
    place = np.clip((np.arange(start, start + count) - (samples - fade)) / fade, 0, 1)
    return np.cos(np.pi / 2 * place).astype(np.float32)
