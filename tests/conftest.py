"""Fixtures of several layers: folders of their own, buckets, an instance, one finished film."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from fakes import FakeClips, FakeTracks, Shelf
from s3_kit import CREDENTIALS, S3, serving_s3
from studio_kit import BRIEF, Studio, settings_in, write_photo

from property_video.settings import Settings
from property_video.store.base import Store
from property_video.store.local import LocalStore
from property_video.store.s3 import S3Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    return LocalStore(settings.store)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """One server for all tests of a process; every test has buckets of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with serving_s3() as server:
            yield server


@pytest.fixture
def s3_store(s3: S3, tmp_path: Path) -> Iterator[S3Store]:
    with closing(S3Store(s3.bucket(), tmp_path / "temporary")) as opened:
        yield opened


@pytest.fixture(params=["folder", "bucket"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Every kind of store there is: what a test asks of it must be the same."""
    found: Store = request.getfixturevalue("store" if request.param == "folder" else "s3_store")
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def empty_studio(settings: Settings, instance: dg.DagsterInstance, shelf: Shelf) -> Studio:
    """Nothing made, nothing uploaded."""
    return Studio(settings, instance, FakeClips(shelf), FakeTracks(shelf))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[Studio]:
    """One finished film of three scenes. Shared: look at it, never change it."""
    root = tmp_path_factory.mktemp("finished")
    with dg.DagsterInstance.ephemeral() as ephemeral:
        studio = Studio(settings_in(root), ephemeral, FakeClips(shelf), FakeTracks(shelf))
        for seed, name in enumerate(("pool", "bedroom-1", "bedroom-2", "kitchen"), start=1):
            write_photo(studio.folder / f"{name}.jpg", seed, private=True)
        (studio.folder / "campaign.yaml").write_text(BRIEF, encoding="utf-8")
        studio.made()
        yield studio


@pytest.fixture
def studio(finished: Studio, tmp_path: Path, instance: dg.DagsterInstance, shelf: Shelf) -> Studio:
    """A copy of the finished film's folders, to change."""
    for part in ("store", "uploads"):
        shutil.copytree(finished.settings.home.parent / part, tmp_path / part)
    return replace(
        finished,
        settings=settings_in(tmp_path),
        instance=instance,
        clips=FakeClips(shelf),
        tracks=FakeTracks(shelf),
    )
