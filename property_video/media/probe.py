"""Probing: what a media file's container and packets say, without decoding.

Not here: what the pixels show (media/measure_clip.py) and what passes (core/verdicts.py).
"""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from property_video.core.errors import BadOutput
from property_video.core.probe import AudioProbe, Probe, VideoProbe

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_IDR: Final = 5
"""NAL unit type of an IDR slice (ITU-T H.264, table 7-1): nothing after it refers to anything before it."""


def probe(path: Path) -> Probe:
    """Read a media file's description and count its packets; 5 ms for a clip.

    Raises:
        BadOutput: the file is no media file, or is cut short.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return Probe(
                container=container.format.name,
                file_bytes=path.stat().st_size,
                duration=(container.duration or 0) / av.time_base,
                moov_first=_moov_first(path),
                video=_video(container, container.streams.video[0]) if container.streams.video else None,
                audio=_audio(container, container.streams.audio[0]) if container.streams.audio else None,
                tags={key: value for key, value in container.metadata.items() if key not in _BRANDS},
            )
    except (av.FFmpegError, OSError) as error:
        raise BadOutput(f"{path} cannot be read as a media file: {error}.", "Make it again.") from error


_BRANDS: Final = {"major_brand", "minor_version", "compatible_brands"}


def _video(container: "InputContainer", stream: "VideoStream") -> VideoProbe:
    container.seek(0)
    packets = [packet for packet in container.demux(stream) if packet.size]
    shown = sorted((packet.pts or 0, packet.is_keyframe) for packet in packets)
    times = [pts for pts, _ in shown]
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1)
    h264_mp4 = context.name == "h264" and bytes(context.extradata or b"\0")[:1] == b"\1"
    return VideoProbe(
        codec=context.name,
        profile=stream.profile or "",
        pix_fmt=context.pix_fmt or "",
        width=context.width,
        height=context.height,
        real_rate=_ratio(stream.base_rate),
        average_rate=_ratio(stream.average_rate),
        time_base=_ratio(time_base),
        frames=len(packets),
        duration=float((stream.duration or 0) * time_base),
        color_range=int(context.color_range),
        color_space=int(context.colorspace),
        color_transfer=int(context.color_trc),
        color_primaries=int(context.color_primaries),
        sample_aspect_ratio=_ratio(stream.sample_aspect_ratio),
        key_frames=tuple(number for number, (_, key) in enumerate(shown) if key),
        closed_gop=h264_mp4 and all(_IDR in _nal_types(bytes(packet)) for packet in packets if packet.is_keyframe),
        pts_gaps=tuple(sorted({after - before for before, after in pairwise(times)})),
    )


def _audio(container: "InputContainer", stream: "AudioStream") -> AudioProbe:
    container.seek(0)
    total_bytes = sum(packet.size for packet in container.demux(stream))
    context = stream.codec_context
    duration = float((stream.duration or 0) * (stream.time_base or Fraction(1)))
    return AudioProbe(
        codec=context.name,
        profile=stream.profile or "",
        rate=context.sample_rate,
        channels=context.layout.nb_channels,
        bit_rate=round(8 * total_bytes / duration) if duration else 0,
        duration=duration,
    )


def _ratio(value: Fraction | None) -> str:
    return f"{value.numerator}/{value.denominator}" if value else ""


def _nal_types(packet: bytes) -> set[int]:
    """Types of the NAL units of an MP4 packet, each behind four bytes of length."""
    types, position = set(), 0
    while position + 4 < len(packet):
        types.add(packet[position + 4] & 31)
        position += 4 + int.from_bytes(packet[position : position + 4], "big")
    return types


def _moov_first(path: Path) -> bool:
    """Whether an MP4's index comes before its media data, so that a player can start at once."""
    with path.open("rb") as file:
        position = 0
        while len(header := file.read(16)) >= 8:
            size, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if kind in {b"moov", b"mdat"}:
                return kind == b"moov"
            if size == 1:
                size = int.from_bytes(header[8:], "big")
            if size < 8:
                return False
            position += size
            file.seek(position)
    return False
