"""One emulated Replicate and its real client, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from emulators.replicate import ReplicateEmulator
from PIL import Image

from property_video.providers.replicate.api import ReplicateApi


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Emulated outputs, made once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture
def service(media_folder: Path) -> Iterator[ReplicateEmulator]:
    with ReplicateEmulator(media_folder, speed=2000.0, scale=0.2) as emulator:
        yield emulator


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that the adapter wanted to wait between tries; nobody waits them."""
    return []


@pytest.fixture
def api(service: ReplicateEmulator, pauses: list[float]) -> Iterator[ReplicateApi]:
    with ReplicateApi(service.token, service.url, sleep=pauses.append, jitter=lambda: 0.5) as adapter:
        yield adapter


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, Path]:
    """Two pictures of one size, without EXIF."""
    paths = []
    for seed in (1, 2):
        blocks = np.random.default_rng(seed).integers(0, 255, (9, 16, 3), dtype=np.uint8)
        path = tmp_path / f"photo_{seed}.jpg"
        Image.fromarray(blocks).resize((640, 360), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths[0], paths[1]
