"""What emulated models make: real video and sound files of each model's own size, rate and length, cheaply.

A clip begins on the first photo and ends on the last one, so that tests can measure how near a film's clip came to
them. Nothing here looks good; everything has the properties that real outputs have.
"""

import hashlib
import io
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np


def picture(data: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """A picture as (height, width, 3) RGB, stretched to `size`."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        image = image.convert("RGB")
        if size is not None and image.size != size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(image)


def picture_facts(data: bytes) -> tuple[tuple[int, int], bool]:
    """Width and height of a picture, and whether it carries EXIF; ValueError where it is no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.size, bool(image.getexif()) or "exif" in image.info
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from error


def clip(
    first: bytes | None,
    last: bytes | None,
    size: tuple[int, int],
    frames: int,
    fps: float,
    folder: Path,
    *,
    sound: bool = False,
    fate: str = "",
) -> Path:
    """An MP4; `fate` may be "frozen", "black" or "other" (pictures that nobody sent). Made once per folder."""
    key = hashlib.sha256(repr((first, last, size, frames, fps, sound, fate)).encode()).hexdigest()[:24]
    out = folder / f"{key}.mp4"
    if not out.exists():
        partial = out.with_suffix(".partial.mp4")
        _encode(_ends(first, last, size, fate), size, frames, fps, sound, fate, partial)
        partial.replace(out)
    return out


def _ends(first: bytes | None, last: bytes | None, size: tuple[int, int], fate: str) -> tuple[np.ndarray, np.ndarray]:
    if fate == "black":
        return np.zeros((size[1], size[0], 3), np.uint8), np.zeros((size[1], size[0], 3), np.uint8)
    if fate == "other" or first is None:
        rng = np.random.default_rng(99)
        blocks = rng.integers(0, 255, (2, 9, 16, 3), dtype=np.uint8)
        rows, columns = np.arange(size[1]) * 9 // size[1], np.arange(size[0]) * 16 // size[0]
        return blocks[0][rows][:, columns], blocks[1][rows][:, columns]
    begin = picture(first, size)
    if fate == "frozen":
        return begin, begin
    if last is not None:
        return begin, picture(last, size)
    from PIL import Image

    width, height = size
    inner = Image.fromarray(begin).crop((width // 20, height // 20, width - width // 20, height - height // 20))
    return begin, np.asarray(inner.resize(size, Image.Resampling.BILINEAR))


def _encode(
    ends: tuple[np.ndarray, np.ndarray],
    size: tuple[int, int],
    frames: int,
    fps: float,
    sound: bool,
    fate: str,
    out: Path,
) -> None:
    import av
    import cv2

    planes = []
    for end in ends:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(end), format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709"
        )
        planes.append(frame.to_ndarray())
    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1001), options={"preset": "ultrafast", "crf": "24"}
        )
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        voice: Any = container.add_stream("aac", rate=44_100) if sound else None
        for number in range(frames):
            share = number / max(1, frames - 1)
            mixed = cv2.addWeighted(planes[0], 1.0 - share, planes[1], share, 0.0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(mixed, format="yuv420p")))
        container.mux(stream.encode(None))
        if voice is not None:
            samples = tone(frames / fps, 44_100, seed=1).astype(np.float32).T
            packet = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
            packet.sample_rate = 44_100
            container.mux(voice.encode(packet))
            container.mux(voice.encode(None))


def tone(seconds: float, rate: int, seed: int) -> np.ndarray:
    """A plain chord with a slow pulse, (samples, 2) in -1..1; another seed, another chord."""
    t = np.arange(round(seconds * rate)) / rate
    root = 110.0 * 2 ** (seed % 12 / 12)
    chord = sum(np.sin(2 * np.pi * root * ratio * t) for ratio in (1.0, 1.25, 1.5)) / 3
    pulse = 0.6 + 0.4 * np.sin(2 * np.pi * 2.0 * t)
    left = 0.3 * chord * pulse
    return np.stack([left, 0.9 * left], axis=1)


def wav(samples: np.ndarray, rate: int) -> bytes:
    """16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def mp3(samples: np.ndarray, rate: int) -> bytes:
    """MP3 at 128 kb/s."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream: Any = container.add_stream("libmp3lame", rate=rate)
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.astype(np.float32).T), format="fltp", layout="stereo"
        )
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def heard(data: bytes, rate: int) -> np.ndarray:
    """A recording decoded to (samples, 2) at `rate`; ValueError where it is none."""
    import av

    try:
        with av.open(io.BytesIO(data)) as container:
            resampler = av.AudioResampler(format="flt", layout="stereo", rate=rate)
            pieces = [
                piece.to_ndarray().reshape(-1, 2)
                for frame in container.decode(audio=0)
                for piece in resampler.resample(frame)
            ]
            pieces += [piece.to_ndarray().reshape(-1, 2) for piece in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(str(error)) from error
    return np.concatenate(pieces) if pieces else np.zeros((0, 2))
