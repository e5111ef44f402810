"""Small photos, moves and formats that the picture tests share."""

from pathlib import Path

import numpy as np
import yaml

from property_video.core.camera import Framing, Move, parse_moves
from property_video.core.film import FilmFormat

SMALL = FilmFormat(width=640, height=360)
MOVES = parse_moves(
    yaml.safe_load((Path(__file__).parents[2] / "property_video/storyboards/moves.yaml").read_text("utf-8"))
)
PUSH = Move(name="push", title="Push", start=Framing(zoom=1.03), end=Framing(zoom=1.11))


def room(width: int, height: int, seed: int = 1) -> np.ndarray:
    """An invented picture with large shapes, fine texture and saturated colours; (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    picture = np.stack([90 + 100 * x, 120 + 60 * y, 150 - 80 * x * y], axis=-1)
    for _ in range(25):
        cx, cy, w, h = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.03, 0.2), rng.uniform(0.03, 0.2)
        left, top = int(max(0, cx - w * width)), int(max(0, cy - h * height))
        picture[top : int(cy + h * height), left : int(cx + w * width)] = rng.uniform(20, 235, 3)
    return np.clip(picture + 6 * np.sin(300 * x + 200 * y)[..., None], 0, 255).astype(np.uint8)


def save(picture: np.ndarray, path: Path) -> Path:
    from PIL import Image

    Image.fromarray(picture).save(path, quality=95)
    return path
