"""The small trained head: from the network's feature to four rooms, and to dusk.

Two linear models of 1280 weights a class, 13 kB in half precision, trained by `python -m property_video.bench.rooms`
on photos of 428 houses; room_head.md beside them names and cites the data.

Not here: training (bench/rooms.py), what becomes of the probabilities (core/room_model.py).
"""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FILE = Path(str(files(__package__))) / "room_head.npz"


class Head(NamedTuple):
    """Weights and biases of two linear models.

    Of four rooms in the order of `room_model.HEAD_ROOMS`, (4, 1280) and (4,); and of dusk, (1280,) and ().
    """

    rooms: Floats
    room_biases: Floats
    dusk: Floats
    dusk_bias: Floats

    def judge(self, feature: Floats) -> tuple[tuple[float, ...], float]:
        """Probabilities of the four rooms, and how much a picture taken outside looks like dusk, 0..1.

        Args:
            feature: (1280,), of any length.
        """
        unit = feature / max(float(np.linalg.norm(feature)), 1e-9)
        logits = self.rooms @ unit + self.room_biases
        raised = np.exp(logits - logits.max())
        dusk = 1.0 / (1.0 + np.exp(-(self.dusk @ unit + self.dusk_bias)))
        return tuple(round(float(p), 4) for p in raised / raised.sum()), round(float(dusk), 4)


def load_head(file: Path = FILE) -> Head:
    """The head that ships with the product."""
    with np.load(file, allow_pickle=False) as stored:
        return Head(*(stored[name].astype(np.float32) for name in Head._fields))


def save_head(head: Head, file: Path = FILE) -> None:
    """Write a head; weights in half precision, which changes no decision."""
    halves = {
        name: value.astype(np.float16 if value.ndim and value.shape[-1] > 4 else np.float32)
        for name, value in head._asdict().items()
    }
    np.savez(file, **halves)
