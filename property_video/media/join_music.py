"""Recordings of hosted models as sound of the film: decoded, joined link by link, brought to length.

A link's file begins with its context as the model re-encoded it. That is where its level is matched to what is there
already, and where it fades in, so that a joint has neither a step nor a gap.

Not here: which links there are (core/music_chain.py), loudness, peaks and the film's own fades (media/master.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from property_video.core.errors import BadOutput
from property_video.core.film import SAMPLE_RATE
from property_video.core.music_chain import Link
from property_video.files import written_whole

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]
"""(samples, 2) at 48 kHz, full scale 1."""

CROSSFADE_S: Final = 0.1
"""Seconds of the fade at a joint: 50 are heard as a click in sustained chords, 200 as a doubled attack."""

MOST_MATCH: Final = 4.0
"""The most a link's level is changed, either way: 12 dB. Beyond it the two have nothing to do with each other."""

SILENCE: Final = 10 ** (-60 / 20)

CONTEXT_RATE: Final = 32_000
"""Samples per second of the recordings that a link goes on from: what MusicGen hears."""


def extend_track(so_far: Path | None, recording: Path, link: Link, out: Path) -> None:
    """Add one link's new part to the track so far.

    Args:
        so_far: float32 stereo at 48 kHz (raw, interleaved), from the link before; None for the first link.
        recording: what the model made: any format that FFmpeg reads.
        link: which part of the film it is.
        out: the longer track in the same raw form; it ends at the link's `end_s`.

    Raises:
        BadOutput: the recording cannot be decoded, or ends early.
    """
    heard = decode(recording)
    begin = _at(link.context_s)
    count = _at(link.end_s) - _at(link.begin_s)
    if len(heard) < begin + count:
        raise BadOutput(f"{recording} lasts {len(heard) / SAMPLE_RATE:.2f} s, not {link.length_s}.", "Order it anew.")
    fresh = heard[begin : begin + count]
    if so_far is not None:
        before = _read(so_far)
        fresh = _joined(before, heard, fresh, begin)
    with written_whole(out) as partial:
        np.ascontiguousarray(fresh, np.float32).tofile(partial)


def _joined(before: Samples, heard: Samples, fresh: Samples, begin: int) -> Samples:
    """The track so far, and the fresh part at its level, faded in over the context that both have."""
    own, theirs = _rms(before[-begin:]), _rms(heard[:begin])
    gain = own / theirs if min(own, theirs) > SILENCE else 1.0
    gain = min(max(gain, 1 / MOST_MATCH), MOST_MATCH)
    fade = min(round(CROSSFADE_S * SAMPLE_RATE), begin, len(before))
    # The context is the same music on both sides, so the fade is one of equal gain, not of equal power.
    rise = ((np.arange(fade) + 0.5) / fade)[:, None]
    overlap = before[len(before) - fade :] * (1 - rise) + gain * heard[begin - fade : begin] * rise
    return np.concatenate([before[: len(before) - fade], overlap, gain * fresh]).astype(np.float32)


def save_context(so_far: Path, link: Link, out: Path) -> None:
    """The recording that a link goes on from, as a 16-bit WAV of `context_s` seconds.

    Raises:
        BadOutput: the track so far is shorter than that.
    """
    import av

    samples = _read(so_far)[-_at(link.context_s) :]
    if len(samples) < _at(link.context_s):
        raise BadOutput(f"{so_far} is too short to go on from.", "Make the track anew.")
    with written_whole(out) as partial, av.open(str(partial), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=CONTEXT_RATE, layout="stereo")
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=CONTEXT_RATE)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def save_to_length(recording: Path, seconds: float, out: Path) -> None:
    """A recording as raw float32 stereo at 48 kHz of exactly `seconds`: what `media.master.master` takes.

    Args:
        recording: any format that FFmpeg reads, at least as long.
        seconds: the film's length.
        out: appears only when it is whole.

    Raises:
        BadOutput: the recording cannot be decoded, or is shorter than the film.
    """
    heard = decode(recording)
    count = _at(seconds)
    # MP3 encoders cut or pad by up to a frame or two (26 ms each); the film's fade-out hides that.
    if len(heard) < count - SAMPLE_RATE // 10:
        raise BadOutput(
            f"{recording} lasts {len(heard) / SAMPLE_RATE:.2f} s, the film {seconds:g} s.", "Order a longer one."
        )
    padded = np.concatenate([heard[:count], np.zeros((max(0, count - len(heard)), 2), np.float32)])
    with written_whole(out) as partial:
        padded.tofile(partial)


def decode(recording: Path) -> Samples:
    """A recording as samples of the film.

    Raises:
        BadOutput: it cannot be decoded, or holds no sound.
    """
    pieces = list(_pieces(recording))
    samples = np.concatenate(pieces) if pieces else np.zeros((0, 2), np.float32)
    if not len(samples) or not np.isfinite(samples).all() or _rms(samples) < SILENCE:
        raise BadOutput(f"{recording} is silent.", "Order it anew.")
    return samples


def _pieces(recording: Path) -> Iterator[Samples]:
    import av

    resampler = av.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)
    try:
        with av.open(str(recording)) as container:
            for frame in container.decode(container.streams.audio[0]):
                yield from map(_interleaved, resampler.resample(frame))
            yield from map(_interleaved, resampler.resample(None))
    except (av.FFmpegError, IndexError) as error:
        raise BadOutput(f"{recording} cannot be decoded: {error}.", "Order it anew.") from error


def _interleaved(frame: "av.AudioFrame") -> Samples:
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, 2)


def _read(raw: Path) -> Samples:
    return np.fromfile(raw, np.float32).reshape(-1, 2)


def _at(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
