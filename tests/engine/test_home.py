import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from property_video.core.errors import BadInput, StoreError
from property_video.engine.home import CONFIG, HISTORY, SCHEDULES, opened_instance
from property_video.settings import Settings


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an instance names the home in the environment: undone after the test."""
    monkeypatch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))


def assert_up_to_date(instance: dg.DagsterInstance) -> None:
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        current, latest = storage.alembic_version()
        assert current == latest
    assert instance.run_storage.has_built_index("run_partitions")
    assert instance.event_log_storage.has_secondary_index("asset_key_table")


def test_a_new_home_gets_our_configuration_and_whole_databases(settings: Settings):
    with opened_instance(settings) as instance:
        assert_up_to_date(instance)
        assert instance.get_settings("run_retries")["enabled"]
    assert sorted(path.name for path in settings.home.iterdir()) == [".prepare.lock", CONFIG, HISTORY, SCHEDULES]


def test_a_home_that_a_kill_left_half_furnished_is_completed(settings: Settings):
    left = settings.home / ".new" / HISTORY
    left.mkdir(parents=True)
    (left / "runs.db").write_bytes(b"half a database")
    with opened_instance(settings) as instance:
        assert_up_to_date(instance)
    shutil.rmtree(settings.home / HISTORY)  # as if killed when only the schedules had been moved in
    with opened_instance(settings) as instance:
        assert_up_to_date(instance)
    assert not (settings.home / ".new").exists()


def test_a_configuration_of_ones_own_stays(settings: Settings, tmp_path: Path):
    settings.home.mkdir(parents=True)
    own = "telemetry: {enabled: false}\nrun_retries: {enabled: false}\n"
    (settings.home / CONFIG).write_text(own)
    with opened_instance(settings) as instance:
        assert not instance.get_settings("run_retries")["enabled"]
    assert (settings.home / CONFIG).read_text() == own


def test_a_configuration_that_makes_no_sense_is_named(settings: Settings):
    settings.home.mkdir(parents=True)
    (settings.home / CONFIG).write_text("storage: {papyrus: {}}\n")
    with pytest.raises(BadInput, match=r"dagster\.yaml"), opened_instance(settings):
        pass


def test_a_home_that_is_a_file_is_refused(settings: Settings):
    settings.home.write_text("not a folder")
    with pytest.raises(BadInput, match="cannot be made"), opened_instance(settings):
        pass


def test_a_history_that_is_damaged_is_told_without_a_traceback(settings: Settings):
    with opened_instance(settings):
        pass
    (settings.home / HISTORY / "runs.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="cannot be used: file is not a database"), opened_instance(settings):
        pass


def test_errors_within_pass_unchanged(settings: Settings):
    with pytest.raises(OSError, match="their own"), opened_instance(settings):
        raise OSError("their own")
