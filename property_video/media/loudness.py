"""Measuring sound: any audio file, or the sound of a film, read as a stream.

Here: loudness, peaks and edges of a track, and its picture for people.
Not here: changing sound (master.py) and what is good enough (core).
"""

import itertools
from collections.abc import Iterator, Sequence
from io import BytesIO
from math import isfinite, log10
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from property_video.core.errors import BadInput
from property_video.core.sound import TrackMeasures

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]

SILENCE_DB: Final = -120.0
FULL_SCALE: Final = 0.9999
EDGE_S: Final = 0.02


def measure_track(path: Path) -> TrackMeasures:
    """Measures the first audio stream of a file of any format PyAV opens; memory does not grow with its length.

    Loudness, range and true peak come from libavfilter's `ebur128` (EBU R128, 4x oversampled peaks).

    Raises:
        BadInput: the file cannot be read as sound or has none.
    """
    totals = _Totals()
    meter = _Meter()
    for frame in _frames(path):
        totals.add(_stereo(frame), frame.sample_rate, len(frame.layout.channels))
        meter.push(frame)
    if not totals.samples:
        raise BadInput(f"{path.name} has no sound.", "Give a file with at least one audio stream that is not empty.")
    meter.close()
    return totals.measures(meter)


def _frames(path: Path) -> "Iterator[av.AudioFrame]":
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise BadInput(f"{path.name} has no sound.", "Give a file with at least one audio stream.")
            yield from container.decode(container.streams.audio[0])
    except (av.FFmpegError, OSError) as error:
        raise BadInput(
            f"{path.name} cannot be read as sound: {error}.", "Export it again as WAV, FLAC, MP3 or M4A."
        ) from error


def _stereo(frame: "av.AudioFrame") -> Samples:
    """The frame's samples as (2, n) floats of full scale 1; mono doubled, the first two channels of more."""
    raw = frame.to_ndarray()
    channels = len(frame.layout.channels)
    planes = raw if frame.format.is_planar else raw.reshape(-1, channels).T
    if raw.dtype.kind in "iu":
        bits = 8 * raw.dtype.itemsize
        offset = 128.0 if raw.dtype.kind == "u" else 0.0
        planes = (planes.astype(np.float32) - offset) / float(2 ** (bits - 1))
    planes = planes.astype(np.float32, copy=False)
    return planes[:2] if channels > 1 else np.repeat(planes, 2, axis=0)


def _decibels(power: float) -> float:
    return max(SILENCE_DB, 10 * log10(power)) if power > 0 else SILENCE_DB


class _Totals:
    """Sums over a track of unknown length, and its first and last `EDGE_S`."""

    def __init__(self) -> None:
        self.samples = 0
        self.sample_rate = 0
        self.channels = 0
        self._sum = np.zeros(2)
        self._squares = np.zeros(2)
        self._product = 0.0
        self._clipped = 0
        self._first = np.zeros((2, 0), np.float32)
        self._last = np.zeros((2, 0), np.float32)

    def add(self, sound: Samples, sample_rate: int, channels: int) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.samples += sound.shape[1]
        exact = sound.astype(np.float64)
        self._sum += exact.sum(axis=1)
        self._squares += np.square(exact).sum(axis=1)
        self._product += float(exact[0] @ exact[1])
        self._clipped += int((np.abs(sound[:channels]) >= FULL_SCALE).sum())
        edge = round(EDGE_S * sample_rate)
        if self._first.shape[1] < edge:
            self._first = np.concatenate((self._first, sound), axis=1)[:, :edge]
        self._last = np.concatenate((self._last, sound[:, -edge:]), axis=1)[:, -edge:]

    def measures(self, meter: "_Meter") -> TrackMeasures:
        n = self.samples
        stereo = float(self._squares.sum()) / (2 * n)
        mono = (float(self._squares.sum()) + 2 * self._product) / (4 * n)
        spread = np.sqrt(np.prod(np.maximum(0.0, self._squares / n - (self._sum / n) ** 2)))
        together = self._product / n - float(np.prod(self._sum / n))
        return TrackMeasures(
            duration_s=n / self.sample_rate,
            samples=n,
            sample_rate=self.sample_rate,
            channels=self.channels,
            lufs=meter.lufs,
            true_peak_dbtp=meter.true_peak_dbtp,
            loudness_range=meter.loudness_range,
            dc=float(np.abs(self._sum / n).max()),
            clipped=self._clipped,
            first_20ms_dbfs=_decibels(float(np.mean(np.square(self._first, dtype=np.float64)))),
            last_20ms_dbfs=_decibels(float(np.mean(np.square(self._last, dtype=np.float64)))),
            mono_db=_decibels(mono) - _decibels(stereo) if stereo > 0 else 0.0,
            correlation=float(together / spread) if spread > 0 else 0.0,
        )


class _Meter:
    """libavfilter's EBU R128 meter, fed frame by frame."""

    def __init__(self) -> None:
        self.lufs = SILENCE_DB
        self.true_peak_dbtp = SILENCE_DB
        self.loudness_range = 0.0
        self._graph: av.filter.Graph | None = None

    def push(self, frame: "av.AudioFrame") -> None:
        if self._graph is None:
            self._graph = self._build(frame)
        self._graph.push(frame)
        self._drain()

    def close(self) -> None:
        assert self._graph is not None
        self._graph.push(None)
        self._drain()

    @staticmethod
    def _build(frame: "av.AudioFrame") -> "av.filter.Graph":
        import av.filter

        graph = av.filter.Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        meter = graph.add("ebur128", "metadata=1:peak=true:framelog=quiet")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        return graph

    def _drain(self) -> None:
        import av

        assert self._graph is not None
        while True:
            try:
                metadata = self._graph.pull().metadata
            except (av.BlockingIOError, av.EOFError):
                return
            self.lufs = _finite(metadata.get("lavfi.r128.I"), self.lufs)
            self.loudness_range = _finite(metadata.get("lavfi.r128.LRA"), self.loudness_range)
            for key, value in metadata.items():
                if key.startswith("lavfi.r128.true_peaks_ch"):  # linear, three decimals: .01 dB near full scale
                    self.true_peak_dbtp = max(self.true_peak_dbtp, _decibels(_finite(value, 0.0) ** 2))


def _finite(text: str | None, otherwise: float) -> float:
    value = float(text) if text is not None else float("nan")
    return value if isfinite(value) else otherwise


# -- the picture -------------------------------------------------------------------------------------------------------

PAPER, WAVE, CORE, MARK, RULE = (250, 249, 246), (158, 180, 198), (47, 83, 112), (196, 92, 58), (214, 210, 202)
"""Colours of the picture: background, peaks, RMS level, cuts, middle line."""


def waveform_picture(path: Path, cuts_s: Sequence[float], width: int = 960, height: int = 240) -> bytes:
    """A PNG of a track's level over time with its cuts: under 20 kB at the default size, for the UI.

    The light shape is the peak, the dark one the RMS level, both linear to full scale at the edges; vertical lines
    are the cuts, in seconds from the start.

    Raises:
        BadInput: the file cannot be read as sound or has none.
    """
    from PIL import Image, ImageDraw

    duration, peaks, levels = _envelope(path, width)
    picture = Image.new("P", (width, height), 0)
    picture.putpalette([value for colour in (PAPER, WAVE, CORE, MARK, RULE) for value in colour])
    draw = ImageDraw.Draw(picture)
    middle = height // 2
    draw.line((0, middle, width, middle), fill=4)
    for x, (peak, level) in enumerate(zip(peaks, levels, strict=True)):
        for value, colour in ((peak, 1), (level, 2)):
            length = round((middle - 4) * min(1.0, value))
            if length:
                draw.line((x, middle - length, x, middle + length), fill=colour)
    for cut in cuts_s:
        x = round(cut / duration * width)
        draw.line((x, 0, x, height), fill=3)
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _envelope(path: Path, columns: int) -> tuple[float, list[float], list[float]]:
    """Duration in seconds, and peak and RMS (full scale 1) of each of `columns` equal parts of a track."""
    peaks, powers, samples, rate = [], [], 0, 48_000
    grain = 480
    rest = np.zeros((2, 0), np.float32)
    for frame in _frames(path):
        sound = np.concatenate((rest, _stereo(frame)), axis=1)
        rate, samples = frame.sample_rate, samples + frame.samples
        whole = sound.shape[1] // grain * grain
        grains = sound[:, :whole].reshape(2, -1, grain)
        peaks.append(np.abs(grains).max(axis=(0, 2)))
        powers.append(np.square(grains).mean(axis=(0, 2)))
        rest = sound[:, whole:]
    peak, power = np.concatenate([*peaks, np.zeros(1)]), np.concatenate([*powers, np.zeros(1)])
    edges = np.linspace(0, len(peak) - 1, columns + 1).round().astype(int)
    slots = [slice(a, max(b, a + 1)) for a, b in itertools.pairwise(edges)]
    return (
        max(samples, 1) / rate,
        [float(peak[slot].max()) for slot in slots],
        [float(np.sqrt(power[slot].mean())) for slot in slots],
    )
