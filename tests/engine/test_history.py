import os
import sqlite3

import dagster as dg
import pytest

from property_video.engine.history import STORAGES
from property_video.engine.home import HISTORY, opened_instance
from property_video.settings import Settings


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an instance names the home in the environment: undone after the test."""
    monkeypatch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))


def test_a_database_is_opened_once_however_often_it_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    connect = sqlite3.dbapi2.connect

    def counted(file: str, *args: object, **options: object) -> sqlite3.Connection:
        opened.append(file)
        return connect(file, *args, **options)  # type: ignore[arg-type]

    with opened_instance(settings) as instance:
        monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
        for number in range(5):
            instance.add_dynamic_partitions("campaign", [f"listing-{number}"])
            assert len(instance.get_dynamic_partitions("campaign")) == number + 1
            assert instance.get_runs_count() == 0
    assert len(opened) == len(set(opened)) == 2


def test_others_read_and_write_the_same_history_meanwhile(settings: Settings):
    with opened_instance(settings) as instance:
        instance.add_dynamic_partitions("campaign", ["ours"])
        with dg.DagsterInstance.from_config(str(settings.home)) as another:
            another.add_dynamic_partitions("campaign", ["theirs"])
        ours = sqlite3.connect(settings.home / HISTORY / "runs" / "index.db")
        assert ours.execute("select count(*) from dynamic_partitions").fetchone() == (2,)
        ours.close()
        assert set(instance.get_dynamic_partitions("campaign")) == {"ours", "theirs"}


def test_nothing_stays_open_and_dagster_is_as_it_was(settings: Settings):
    before = [module.create_engine for module in STORAGES]
    with opened_instance(settings) as instance:
        instance.add_dynamic_partitions("campaign", ["ours"])
        assert [module.create_engine for module in STORAGES] != before
    assert [module.create_engine for module in STORAGES] == before
    assert not list((settings.home / HISTORY).rglob("*-wal"))
