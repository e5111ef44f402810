"""Dagster's home: there, configured, and its databases made before anybody races for them.

Not here: what the configuration says (dagster_home/dagster.yaml).
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import dagster as dg

from property_video.core.errors import BadInput
from property_video.settings import PACKAGE, Settings

IN_CLONE: Final = {"dagster.yaml": "dagster_home/dagster.yaml", "workspace.yaml": "workspace.yaml"}
"""Files of ours that Dagster reads: at the top of a clone, in this package when installed (pyproject.toml)."""


def prepare_home(settings: Settings) -> None:
    """Make the home, the store and the uploads folder; give a home without a configuration ours.

    Raises:
        BadInput: a folder cannot be made.
    """
    for folder in (settings.home, settings.store, settings.uploads):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{folder} cannot be made: {error.strerror}.", "Set DAGSTER_HOME to a folder you can write."
            ) from error
    config = settings.home / "dagster.yaml"
    if not config.exists():
        shutil.copyfile(shipped("dagster.yaml"), config)
    os.environ["DAGSTER_HOME"] = str(settings.home)  # for the processes that Dagster starts


def shipped(name: str) -> Path:
    """A file of ours that Dagster reads: from the installed package, or from the clone that the package runs from."""
    packaged = Path(str(resources.files("property_video.engine") / name))
    return packaged if packaged.is_file() else PACKAGE.parent / IN_CLONE[name]


@contextmanager
def opened_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of the home, with its databases made.

    Three servers that start at once on an empty SQLite home were seen to break each other's migrations, so they are
    made here, under a lock.

    Raises:
        BadInput: the home cannot be used.
    """
    prepare_home(settings)
    with (settings.home / ".prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            instance = dg.DagsterInstance.from_config(str(settings.home))
        except dg.DagsterError as error:
            raise BadInput(f"{settings.home / 'dagster.yaml'}: {error}", "Mend or remove that file.") from error
        instance.get_runs_count()
        instance.get_dynamic_partitions("campaign")
        instance.all_instigator_state()
        fcntl.flock(lock, fcntl.LOCK_UN)
    with instance:
        yield instance
