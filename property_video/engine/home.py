"""Dagster's home: there, configured, and its databases made before anybody races for them.

Not here: what the configuration says (dagster_home/dagster.yaml).
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import dagster as dg
from sqlalchemy.exc import DBAPIError

from property_video.core.errors import BadInput, StoreError, StoreFull
from property_video.core.places import Bucket
from property_video.engine.history import kept_open
from property_video.settings import PACKAGE, Settings
from property_video.store.disk import translated
from property_video.store.locks import ALONE, lock_file, take

LEAST_ROOM: Final = 1_000_000
"""Bytes free below which a database error means that there is no room: one film's events take 2 MB."""

CONFIG: Final = "dagster.yaml"
SCHEDULES: Final = "schedules"
HISTORY: Final = "history"
"""What a home holds, by Dagster's names: its configuration and the folders of its databases."""

IN_CLONE: Final = {"dagster.yaml": "dagster_home/dagster.yaml", "workspace.yaml": "workspace.yaml"}
"""Files of ours that Dagster reads: at the top of a clone, in this package when installed (pyproject.toml)."""


def prepare_home(settings: Settings) -> None:
    """Make the home, and the store and the uploads where they are folders.

    Raises:
        BadInput: a folder cannot be made.
    """
    for folder in (settings.home, settings.store, settings.uploads):
        if isinstance(folder, Bucket):
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{folder} cannot be made: {error.strerror}.", "Set DAGSTER_HOME to a folder you can write."
            ) from error
    os.environ["DAGSTER_HOME"] = str(settings.home)  # for the processes that Dagster starts


def shipped(name: str) -> Path:
    """A file of ours that Dagster reads: from the installed package, or from the clone that the package runs from."""
    packaged = Path(str(resources.files("property_video.engine") / name))
    return packaged if packaged.is_file() else PACKAGE.parent / IN_CLONE[name]


@contextmanager
def opened_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of the home, furnished when it is new.

    Three servers that start at once on an empty SQLite home were seen to break each other's migrations, so that is done
    under a lock.

    Raises:
        BadInput: the home cannot be used.
        StoreFull: no space is left for the run history, now or later in the context.
        StoreError: the run history cannot be used, now or later in the context.
    """
    prepare_home(settings)
    # Interrupted while it closes a connection, SQLAlchemy's pool logs a traceback before it lets the interrupt through.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    with _history_told(settings.home):
        with _locked(settings.home):
            _furnish(settings.home)
            try:
                instance = dg.DagsterInstance.from_config(str(settings.home))
            except dg.DagsterError as error:
                raise BadInput(f"{settings.home / 'dagster.yaml'}: {error}", "Mend or remove that file.") from error
            _touch(instance)
        with instance, kept_open():
            yield instance


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            take(held.enter_context(lock_file(home / ".prepare.lock")), ALONE)
        except OSError as error:
            raise BadInput(
                f"{home} cannot be written: {error.strerror}.", "Set DAGSTER_HOME to a folder you can write."
            ) from error
        yield


def _furnish(home: Path) -> None:
    """Give a new home our configuration and its databases, each whole or not at all.

    They are made in a folder of their own and moved in: databases that a kill left half migrated would stay so, for
    Dagster takes their tables for those of an old version. The history comes last and tells that all is there.
    """
    new = home / ".new"
    with translated(home):
        shutil.rmtree(new, ignore_errors=True)
        if not (home / CONFIG).exists():
            new.mkdir()
            shutil.copyfile(shipped(CONFIG), new / CONFIG)
            (new / CONFIG).rename(home / CONFIG)
        if b"sqlite" in (home / CONFIG).read_bytes() and not (home / HISTORY).exists():
            new.mkdir(exist_ok=True)
            (new / CONFIG).write_text("telemetry: {enabled: false}\n", encoding="utf-8")
            with dg.DagsterInstance.from_config(str(new)) as instance:
                _touch(instance)
            for part in (SCHEDULES, HISTORY):
                if not (home / part).exists():
                    (new / part).rename(home / part)
        shutil.rmtree(new, ignore_errors=True)


def _touch(instance: dg.DagsterInstance) -> None:
    """Use each of the databases once: what Dagster puts off until first use is done now."""
    instance.get_runs_count()
    instance.get_dynamic_partitions("campaign")
    instance.all_instigator_state()


@contextmanager
def _history_told(home: Path) -> Iterator[None]:
    """Let no bare database error out."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig)
        # SQLite calls a full disk "disk I/O error" where it finds no room for its index of the write-ahead log.
        if "full" in said or shutil.disk_usage(home).free < LEAST_ROOM:
            raise StoreFull(f"No space is left for the run history in {home}.", "Free some space there.") from error
        raise StoreError(f"The run history in {home} cannot be used: {said}.", "Check that folder.") from error
