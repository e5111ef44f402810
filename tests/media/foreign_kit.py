"""Foreign clips for the tests: any size, rate, length and colour, showing motion that is known exactly."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

Texture = Callable[[np.ndarray, np.ndarray], np.ndarray]


def texture(seed: int = 5, finest: float = 8.0, coarsest: float = 120.0) -> Texture:
    """An analytic grey picture: waves of many directions, the coarse ones stronger, as in photos."""
    rng = np.random.default_rng(seed)
    periods = np.geomspace(finest, coarsest, 12)
    waves = [(2 * np.pi / p, *rng.uniform(0, 2 * np.pi, 2), 48 * (p / coarsest) ** 0.7) for p in periods]

    def levels(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total = np.full(np.broadcast(x, y).shape, 126.0)
        for k, angle, phase, strength in waves:
            total += strength * np.sin(k * (np.cos(angle) * x + np.sin(angle) * y) + phase)
        return np.clip(total, 16, 235)

    return levels


def pan(size: tuple[int, int], speed: float, drift: float = 0.0, look: Texture | None = None):
    """A picture at a time in seconds, sliding by `speed` pixels a second to the left."""
    look = look or texture()
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(float)
    return lambda s: look(x + speed * s, y + drift * s)


def zoom(size: tuple[int, int], rate: float, look: Texture | None = None):
    """A picture at a time in seconds, growing by the share `rate` a second about its middle."""
    look = look or texture()
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(float)
    cx, cy = (size[0] - 1) / 2, (size[1] - 1) / 2

    def at(s: float) -> np.ndarray:
        z = (1 + rate) ** s
        return look(cx + (x - cx) / z, cy + (y - cy) / z)

    return at


def write_clip(
    out: Path,
    pictures: list[np.ndarray],
    fps: Fraction | int = 24,
    *,
    pix_fmt: str = "yuv420p",
    matrix: int = 1,
    color_range: int = 1,
    times: list[float] | None = None,
    sound: bool = False,
    crf: int = 10,
    sar: Fraction | None = None,
    tag: bool = True,
    index_first: bool = False,
) -> Path:
    """Encode pictures: (height, width) luma in limited range, or (height, width, 3) RGB.

    `matrix` (H.273; 2 means BT.601) and `color_range` (1 limited, 2 full) are used, and tagged unless `tag` is false.
    """
    import av

    height, width = pictures[0].shape[:2]
    options = {"movflags": "+faststart"} if index_first else {}
    with av.open(str(out), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if tag:
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, color_range
        stream.codec_context.time_base = Fraction(1, 12_000)
        if sar is not None:
            stream.codec_context.sample_aspect_ratio = sar
        noise = container.add_stream("aac", rate=44_100) if sound else None
        for number, picture in enumerate(pictures):
            time = times[number] if times else float(number / Fraction(fps))
            frame = _frame(picture, pix_fmt, matrix, color_range)
            frame.pts, frame.time_base = round(time * 12_000), Fraction(1, 12_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if noise is not None:
            samples = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 44_100)).astype(np.float32)
            audio = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            audio.rate = 44_100
            container.mux(noise.encode(audio))
            container.mux(noise.encode(None))
    return out


def _frame(picture: np.ndarray, pix_fmt: str, matrix: int, color_range: int):
    import av

    if picture.ndim == 3:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        return frame.reformat(
            format=pix_fmt,
            src_color_range=2,
            dst_colorspace={1: 1, 5: 5, 2: 5, 9: 9}[matrix],
            dst_color_range=color_range,
        )
    height, width = picture.shape
    levels = np.round(picture).astype(np.uint8)
    planes = np.vstack([levels, np.full((height // 2, width), 128, np.uint8)])
    return av.VideoFrame.from_ndarray(planes, format="yuv420p").reformat(format=pix_fmt)


def luma_of(path: Path) -> list[np.ndarray]:
    """Luma of all frames of a clip."""
    import av

    from property_video.media.resample import planes_of

    with av.open(str(path)) as container:
        return [planes_of(frame).y.copy() for frame in container.decode(video=0)]


def shifts(pictures: list[np.ndarray], wanted: list[np.ndarray], tile: int = 80) -> np.ndarray:
    """How far each picture lies from the wanted one: (n, 2) pixels, x before y.

    One Lucas-Kanade step per tile after a blur of sigma 1.2; the median over tiles.
    """
    import cv2

    found = []
    for picture, ideal in zip(pictures, wanted, strict=True):
        seen, ref = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.2) for p in (picture, ideal))
        gx = cv2.Sobel(ref, cv2.CV_32F, 1, 0, scale=1 / 8)
        gy = cv2.Sobel(ref, cv2.CV_32F, 0, 1, scale=1 / 8)
        tiles = []
        for top in range(16, ref.shape[0] - tile - 15, tile):
            for left in range(16, ref.shape[1] - tile - 15, tile):
                part = (slice(top, top + tile), slice(left, left + tile))
                slopes = np.stack([gx[part].ravel(), gy[part].ravel()], axis=1)
                tiles.append(-np.linalg.lstsq(slopes, (seen - ref)[part].ravel(), rcond=None)[0])
        found.append(np.median(tiles, axis=0))
    return np.array(found)
