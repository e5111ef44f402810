"""Joining: clips and a track become one film, the picture copied packet by packet.

Not here: rendering clips (media/render.py), mastering the track, judging the film (media/probe.py, core/verdicts.py).
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from property_video.core.errors import BadOutput
from property_video.core.film import SAMPLE_RATE, FilmFormat
from property_video.files import written_whole

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

AUDIO_BIT_RATE: Final = 192_000
"""AAC-LC at 192 kb/s moved a mastered track's true peak by 0.05 dB at most."""

UNDECODED: Final = {"skip_frame": "all"}
"""Options for opening a clip whose packets are all that is wanted: FFmpeg would decode a key frame in search of more
to say about it, 25 ms CPU a clip. The template is opened without: the film would lose its sample aspect ratio."""


def join(clips: Sequence[Path], track: Path | None, out: Path, film: FilmFormat, tags: Mapping[str, str]) -> None:
    """Join clips to a film without decoding a picture; encode the track in the same file.

    The film is exactly as long as its clips together. The same inputs give the same bytes.

    Args:
        clips: MP4 files of the film's parameters, one or more, in order.
        track: WAV, 48 kHz stereo, as long as the clips (longer by less than a frame: cut); None for a silent film.
        out: The MP4 to write, index first.
        film: The film's format.
        tags: Container tags such as `title` and `comment`.

    Raises:
        BadOutput: a clip's parameters differ from the first's or from the film's, or the track has another form or
            length; nothing was written.
        StoreFull: the disk has no room.
        StoreError: the folder cannot be written.
    """
    import av

    if not clips:
        raise BadOutput("A film needs at least one clip.", "Render a scene first.")
    lengths = _checked(clips, film)
    with written_whole(out) as partial, av.open(str(clips[0])) as template:
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with av.open(str(partial), "w", format="mp4", options=options) as container:
            container.metadata.update(tags)
            picture = container.add_stream_from_template(template.streams.video[0])
            streams = [_copied(clips, lengths, picture)]
            if track is not None:
                samples = round(Fraction(sum(lengths) * SAMPLE_RATE, film.fps))
                sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
                sound.bit_rate = AUDIO_BIT_RATE
                streams.append(_encoded(track, samples, sound, film))
            for packet in heapq.merge(*streams, key=_seconds):
                container.mux_one(packet)


def _seconds(packet: "av.Packet[Any]") -> Fraction:
    assert packet.dts is not None and packet.time_base is not None
    return packet.dts * packet.time_base


def _checked(clips: Sequence[Path], film: FilmFormat) -> list[int]:
    """Frames of every clip, after making sure that they can follow one another in one stream.

    Raises:
        BadOutput: naming the clip and what differs.
    """
    import av

    lengths = []
    wanted: dict[str, object] = {"codec": "h264", "size": (film.width, film.height), "rate": film.fps}
    for clip in clips:
        try:
            with av.open(str(clip), options=UNDECODED) as container:
                stream = container.streams.video[0]
                context = stream.codec_context
                found: dict[str, object] = {
                    "codec": context.name,
                    "size": (context.width, context.height),
                    "rate": stream.average_rate,
                    "time base": stream.time_base,
                    "H.264 parameters": context.extradata,
                }
                lengths.append(sum(packet.size > 0 for packet in container.demux(stream)))
        except (av.FFmpegError, IndexError) as error:
            raise BadOutput(f"The clip {clip} cannot be read: {error}.", "Render this scene again.") from error
        for what, value in wanted.items():
            if found[what] != value:
                raise BadOutput(
                    f"The clip {clip} cannot be joined without encoding: its {what} is {found[what]!r}, not {value!r}.",
                    "Conform or render this scene again with the film's format.",
                )
        wanted = found
    return lengths


def _copied(clips: Sequence[Path], lengths: Sequence[int], stream: "VideoStream") -> Iterator["av.Packet[Any]"]:
    """The clips' packets in decoding order, each clip's times moved behind the clip before it."""
    import av

    offset = 0
    for clip, length in zip(clips, lengths, strict=True):
        with av.open(str(clip), options=UNDECODED) as container:
            source = container.streams.video[0]
            assert source.average_rate is not None and source.time_base is not None
            frame = round(1 / (source.average_rate * source.time_base))
            for packet in container.demux(source):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.dts += offset
                packet.pts += offset
                packet.stream = stream
                yield packet
        offset += length * frame


def _encoded(track: Path, samples: int, stream: "AudioStream", film: FilmFormat) -> Iterator["av.Packet[Any]"]:
    """The first `samples` samples of the track as AAC packets.

    Raises:
        BadOutput: the track is no 48 kHz stereo sound of the film's length.
    """
    import av

    try:
        with av.open(str(track)) as container:
            source = container.streams.audio[0]
            if source.rate != SAMPLE_RATE or source.channels != 2:
                raise BadOutput(
                    f"The track {track} has {source.rate} Hz and {source.channels} channels, not 48000 Hz stereo.",
                    "Master the track again.",
                )
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE, frame_size=1024)
            position = 0
            for decoded in _then_none(container.decode(source)):
                for block in resampler.resample(decoded):
                    wanted = block.to_ndarray()[:, : max(0, samples - position)]
                    position += block.samples
                    if wanted.size:
                        frame = av.AudioFrame.from_ndarray(wanted, format="fltp", layout="stereo")
                        frame.rate, frame.pts = SAMPLE_RATE, position - block.samples
                        yield from stream.encode(frame)
    except (av.FFmpegError, IndexError) as error:
        raise BadOutput(f"The track {track} cannot be read: {error}.", "Make the track again.") from error
    if not 0 <= position - samples < SAMPLE_RATE / film.fps:
        raise BadOutput(
            f"The track {track} has {position} samples, the film's clips need {samples}.",
            "Make the track again for this length.",
        )
    yield from stream.encode(None)


def _then_none(frames: Iterator["av.AudioFrame"]) -> Iterator["av.AudioFrame | None"]:
    """The frames, and the None that makes a resampler give what it still holds."""
    yield from frames
    yield None
