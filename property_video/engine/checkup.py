"""What would stop a film on this machine.

Not here: what would stop a particular campaign (its brief and photos).
"""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from property_video.core.errors import PropertyVideoError, StoreError
from property_video.core.model_drift import drift
from property_video.core.models import MusicModel, VideoModel
from property_video.core.places import Bucket
from property_video.providers.registry import load_registry
from property_video.settings import SERVICES, Settings

LEAST_SPACE: Final = 1_000_000_000
"""Bytes free: a film with its clips, track and photos takes about 60 MB, a 24-megapixel listing 600."""

PACKAGES: Final = (
    "dagster",
    "dagster-webserver",
    "av",
    "opencv-python-headless",
    "numpy",
    "pillow",
    "duckdb",
    "pandas",
)


@dataclass(frozen=True)
class Condition:
    """One thing looked at: what, how it was found, and whether it is as it should be.

    `stops_films` says that no film can be made where it is not.
    """

    what: str
    found: str
    fine: bool = True
    stops_films: bool = True


def examine(settings: Settings) -> list[Condition]:
    """Look at versions, codecs, space, folders and keys; secrets are never shown."""
    return [*_versions(), *_codecs(), *_folders(settings), _configuration(settings), *_keys(settings)]


def examine_models(settings: Settings) -> Iterator[Condition]:
    """Compare the registry of hosted models with what their provider publishes today; a model at a time."""
    from property_video.providers.replicate.api import PUBLIC_URL, ReplicateApi

    access = settings.services.get("replicate")
    if access is None:
        yield Condition("hosted models", "REPLICATE_API_TOKEN is not set: there is nobody to ask")
        return
    registry = load_registry()
    models: tuple[VideoModel | MusicModel, ...] = (*registry.video.values(), *registry.music.values())
    with ReplicateApi(access.key, access.base_url or PUBLIC_URL) as replicate:
        for model in models:
            try:
                changed = drift(model, replicate.published(model.slug, model.version))
            except PropertyVideoError as error:
                changed = (str(error),)
            yield Condition(model.slug, " ".join(changed) or "as registered", fine=not changed, stops_films=False)


def _versions() -> Iterator[Condition]:
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Condition("Python", f"{platform.python_version()} on {platform.machine()}", fine)
    for package in PACKAGES:
        try:
            yield Condition(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Condition(package, "not installed: run `make setup`, or pip install the project again", fine=False)


def _codecs() -> Iterator[Condition]:
    import av
    from PIL import features

    for name, what in (("libx264", "H.264 encoder"), ("aac", "AAC encoder")):
        there = name in av.codecs_available
        yield Condition(what, name if there else f"PyAV was built without {name}", there)
    for name in ("webp", "avif"):
        there = bool(features.check(name))
        yield Condition(f"{name.upper()} photos", "read" if there else "cannot be read: they will be rejected")
    try:
        import pillow_heif

        yield Condition("HEIC photos", f"read (libheif {pillow_heif.libheif_version()})")
    except ImportError:
        yield Condition("HEIC photos", "cannot be read: they will be rejected")


def _folders(settings: Settings) -> Iterator[Condition]:
    for what, folder in (("home", settings.home), ("store", settings.store), ("uploads", settings.uploads)):
        if isinstance(folder, Bucket):
            yield _bucket(what, folder)
            continue
        there = _nearest(folder)
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            yield Condition(what, f"{folder} cannot be written: {error.strerror}", fine=False)
            continue
        free = shutil.disk_usage(there).free
        enough = free >= LEAST_SPACE or what == "uploads"
        yield Condition(what, f"{folder}, {free / 1e9:.1f} GB free{'' if enough else ': too little'}", enough)


def _bucket(what: str, place: Bucket) -> Condition:
    from property_video.store.s3_bucket import S3Bucket

    try:
        S3Bucket(place, tries=2).listing("", deep=False)
    except StoreError as error:
        return Condition(what, str(error), fine=False)
    return Condition(what, f"{place}, can be read")


def _nearest(folder: Path) -> Path:
    """The folder, or the part of its path that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _configuration(settings: Settings) -> Condition:
    import dagster as dg
    import yaml

    config = settings.home / "dagster.yaml"
    if not config.is_file():
        return Condition("dagster.yaml", "made at first use")
    try:
        yaml.safe_load(config.read_text(encoding="utf-8"))
        with dg.DagsterInstance.from_config(str(settings.home)):
            return Condition("dagster.yaml", str(config))
    except (yaml.YAMLError, OSError, dg.DagsterError) as error:
        return Condition("dagster.yaml", f"{config}: {' '.join(str(error).split())[:200]}", fine=False)


def _keys(settings: Settings) -> Iterator[Condition]:
    for service, key, _ in SERVICES:
        there = service in settings.services
        yield Condition(key, "present" if there else "not set (films are made on this machine)")
