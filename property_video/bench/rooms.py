"""Training the head that tells rooms, and measuring how often they are told right.

`python -m property_video.bench.rooms FOLDER` prints accuracy, confusion and calibration; `--write` ships the head.

Needs photos of houses named `12_kitchen.jpg` (house and room), which are no part of the product: the Houses data set
(property_video/media/room_head.md). Every house is judged by a head that has never seen a photo of it.

Not here: speed and memory (contest.py), the rules that are measured (core/room_model.py).
"""

import argparse
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.photo import Look, Room
from property_video.core.room_model import HEAD_ROOMS, distances, family, known_rooms
from property_video.media.look import Eyes, look_at
from property_video.media.room_head import FILE, Head, save_head

Floats = NDArray[np.float64]

FOLDS: Final = 10
STRENGTH: Final = 10.0
"""Inverse of the L2 penalty, against a sum of losses (scikit-learn's C)."""

DUSK_PENALTY: Final = 0.0003
"""L2 penalty against a mean of losses in which dusk and day weigh the same."""

STEPS: Final = 400

LABELS: Final[dict[str, Room]] = {
    "bathroom": "bathroom",
    "bedroom": "bedroom",
    "frontal": "exterior",
    "kitchen": "kitchen",
}

DUSK: Final = frozenset({2, 9, 11, 12, 15, 16, 19, 21, 24, 30, 32, 37, 87, 88, 100, 110, 186, 187, 198, 209, 217, 323})
"""Houses whose front was photographed at dusk or with its lamps lit, told by eye."""


@dataclass(frozen=True)
class Album:
    """Photos of houses: their looks, and house and true room of each."""

    names: tuple[str, ...]
    looks: tuple[Look, ...]
    houses: NDArray[np.int64]
    rooms: NDArray[np.int64]

    @property
    def features(self) -> Floats:
        """(n, 1280), each of length 1."""
        rows = np.array([np.frombuffer(base64.b64decode(look.feature), np.uint8) for look in self.looks], np.float64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def read_album(folder: Path) -> Album:
    """Look at all photos of a folder (a minute for 1700)."""
    files = sorted(folder.glob("*_*.jpg"), key=lambda file: (int(file.stem.split("_")[0]), file.stem))
    eyes = Eyes()
    return Album(
        names=tuple(file.name for file in files),
        looks=tuple(look_at(file, eyes) for file in files),
        houses=np.array([int(file.stem.split("_")[0]) for file in files]),
        rooms=np.array([HEAD_ROOMS.index(LABELS[file.stem.split("_")[1]]) for file in files]),
    )


def train(features: Floats, targets: Floats, weights: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Logistic regression with an L2 penalty, by accelerated gradient descent (Y. Nesterov, 1983).

    Args:
        features: (n, d).
        targets: (n, k), probabilities that sum to 1.
        weights: (n,), of the photos.
        penalty: of the squared weights, halved; biases are free.

    Returns:
        Weights (k, d) and biases (k,).
    """
    mean = np.average(features, axis=0, weights=weights)
    x = np.c_[features - mean, np.ones(len(features))]
    steepest = 0.5 * np.linalg.norm(x * np.sqrt(weights)[:, None], 2) ** 2 + penalty
    decay = np.full((x.shape[1], 1), penalty)
    decay[-1] = 0
    here = ahead = np.zeros((x.shape[1], targets.shape[1]))
    for step in range(STEPS):
        gradient = x.T @ (weights[:, None] * (softmax(x @ ahead) - targets)) + decay * ahead
        following = ahead - gradient / steepest
        ahead = following + step / (step + 3) * (following - here)
        here = following
    return here[:-1].T, here[-1] - mean @ here[:-1]


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def train_rooms(album: Album, which: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The four rooms, from the photos of `which`."""
    targets = np.eye(len(HEAD_ROOMS))[album.rooms[which]]
    return train(album.features[which], targets, np.ones(int(which.sum())), 1 / STRENGTH)


def train_dusk(album: Album, which: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Dusk, from the fronts of `which`: one row and one bias."""
    fronts = which & (album.rooms == HEAD_ROOMS.index("exterior"))
    dusk = np.isin(album.houses[fronts], list(DUSK))
    weights = np.where(dusk, 0.5 / dusk.sum(), 0.5 / (~dusk).sum())
    rows, biases = train(album.features[fronts], np.c_[~dusk, dusk].astype(float), weights, DUSK_PENALTY)
    return rows[1] - rows[0], biases[1] - biases[0]


def train_head(album: Album, which: NDArray[np.bool_]) -> Head:
    """The whole head."""
    parts = (*train_rooms(album, which), *train_dusk(album, which))
    return Head(*(np.asarray(part, np.float32) for part in parts))


@dataclass(frozen=True)
class Report:
    """What cross-validation found.

    `head` and `told` are the shares told right by the head alone and by everything; `confusion` counts what was told
    (columns: `HEAD_ROOMS`, then anything else, then `other`) for each true room (rows); `calibration` has lower limit
    of confidence, number of photos and share told right; `wrong` names the photos told wrong and as what;
    `dusk` has the fronts told to be dusk that are, that are not, and all that are.
    """

    head: float
    told: float
    confusion: NDArray[np.int64]
    calibration: tuple[tuple[float, int, float], ...]
    wrong: tuple[tuple[str, str], ...]
    dusk: tuple[int, int, int]


def cross_validate(album: Album) -> Report:
    """Judge every house by a head trained on the houses of the other folds; a house's photos are one listing."""
    from property_video.core.analysis import looks_like_dusk

    looks = list(album.looks)
    right = 0
    for fold in range(FOLDS):
        test = album.houses % FOLDS == fold
        head = train_head(album, ~test)
        for index in np.flatnonzero(test):
            rooms, dusk = head.judge(np.asarray(album.features[index], np.float32))
            looks[index] = looks[index].model_copy(update={"head": rooms, "dusk": dusk})
            right += int(np.argmax(rooms)) == album.rooms[index]

    columns = (*HEAD_ROOMS, "elsewhere", "other")
    confusion = np.zeros((len(HEAD_ROOMS), len(columns)), np.int64)
    outcomes: list[tuple[float, bool]] = []
    wrong: list[tuple[str, str]] = []
    for house in np.unique(album.houses):
        members = np.flatnonzero(album.houses == house)
        shown = [looks[index] for index in members]
        guesses = known_rooms(shown, {}, distances([look.feature for look in shown]), [0] * len(shown))
        for index, guess in zip(members, guesses, strict=True):
            told, true = family(guess.room), HEAD_ROOMS[album.rooms[index]]
            confusion[album.rooms[index], columns.index(told if told in columns else "elsewhere")] += 1
            if told != "other":
                outcomes.append((guess.confidence, told == true))
            if told != true:
                wrong.append((album.names[index], guess.room))
    fronts = [i for i in range(len(looks)) if HEAD_ROOMS[album.rooms[i]] == "exterior"]
    evening = [i for i in fronts if looks_like_dusk(looks[i])]
    truly = sum(int(album.houses[i]) in DUSK for i in evening)
    return Report(
        head=right / len(looks),
        told=float(np.trace(confusion[:, : len(HEAD_ROOMS)])) / len(looks),
        confusion=confusion,
        calibration=_calibration(outcomes),
        wrong=tuple(wrong),
        dusk=(truly, len(evening) - truly, sum(int(album.houses[i]) in DUSK for i in fronts)),
    )


def _calibration(outcomes: Sequence[tuple[float, bool]]) -> tuple[tuple[float, int, float], ...]:
    limits = (0.95, 0.85, 0.70, 0.50, 0.0)
    rows = []
    for low, high in zip(limits, (1.01, *limits), strict=False):
        inside = [right for confidence, right in outcomes if low <= confidence < high]
        rows.append((low, len(inside), sum(inside) / len(inside) if inside else 0.0))
    return tuple(rows)


def main() -> None:
    """Train and measure; `--write` replaces the head that ships."""
    parser = argparse.ArgumentParser(prog="python -m property_video.bench.rooms", description=main.__doc__)
    parser.add_argument("photos", type=Path, help="folder of photos named 12_kitchen.jpg")
    parser.add_argument("--write", action="store_true", help="write the head trained on all photos into the package")
    chosen = parser.parse_args()
    album = read_album(chosen.photos)
    report = cross_validate(album)
    print(f"{len(album.names)} photos, {len(set(album.houses))} houses, {FOLDS} folds by house")
    print(f"head alone {report.head:.2%}, told right {report.told:.2%}\n")
    print(f"{'':>12}" + "".join(f"{name:>12}" for name in (*HEAD_ROOMS, "elsewhere", "other")))
    for room, row in zip(HEAD_ROOMS, report.confusion, strict=True):
        print(f"{room:>12}" + "".join(f"{count:>12}" for count in row))
    print("\nconfidence from, photos, told right")
    for low, count, share in report.calibration:
        print(f"{low:>6.2f} {count:>6} {share:>8.1%}")
    print(f"\ndusk: {report.dusk[0]} of {report.dusk[2]} found, {report.dusk[1]} false")
    print("told wrong: " + ", ".join(f"{name} ({room})" for name, room in report.wrong))
    if chosen.write:
        save_head(train_head(album, np.ones(len(album.names), bool)))
        print(f"written: {FILE}")


if __name__ == "__main__":
    main()
