"""What assets are handed: plain objects, made from forms that the UI shows.

Not here: the objects themselves.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dagster as dg

from property_video.core.places import Place, is_bucket, parse_bucket
from property_video.engine.processes import signature
from property_video.outbox.receivers import Receiver
from property_video.store.base import Store
from property_video.store.leases import campaign_lease
from property_video.store.opening import open_store

Say = Callable[[str], None]
"""Told, in a sentence, what a person should know at once."""


class Progress(Protocol):
    """Told how far a step is. The command line draws bars with it."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` units (frames, photos) of a step are done."""


def silent(step: str, done: int, total: int) -> None:
    """Progress nobody looks at: in the UI, events tell it."""


def unheard(line: str) -> None:
    """What a person should know, said to nobody: in the UI, the log says it."""


class PlaceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A folder, or a prefix in a bucket. Credentials are none of its form: boto3 finds them."""

    address: str
    endpoint: str = ""
    region: str = ""
    encryption: str = ""
    kms_key: str = ""

    @property
    def place(self) -> Place:
        """The place that the form tells."""
        if not is_bucket(self.address):
            return Path(self.address)
        return parse_bucket(
            self.address,
            endpoint=self.endpoint,
            region=self.region,
            encryption=self.encryption,
            kms_key=self.kms_key,
        )


def form_of(place: Place) -> dict[str, str]:
    """A place as the values of its form."""
    if isinstance(place, Path):
        return {"address": str(place)}
    return {
        "address": str(place),
        "endpoint": place.endpoint,
        "region": place.region,
        "encryption": place.encryption,
        "kms_key": place.kms_key,
    }


class StoreResource(PlaceResource):
    """The store."""

    def create_resource(self, context: dg.InitResourceContext) -> Store:
        """The plain store that assets work with."""
        return open_store(self.place)


class UploadsResource(PlaceResource):
    """Where campaigns' folders are dropped, and for how many seconds they must have been quiet."""

    settle_s: float

    def create_resource(self, context: dg.InitResourceContext) -> "UploadsResource":
        """Itself: it has no more to it than its form."""
        return self


def campaign_hold(wait_s: float) -> dg.ResourceDefinition:
    """A resource that holds the run's campaign from its first to its last step.

    It signs the run with its process, so that a run whose process is gone can be told from one that works.
    """

    @dg.resource(
        required_resource_keys={"store"}, description="Holds the campaign for this run: one run per campaign at a time."
    )
    def hold(context: dg.InitResourceContext) -> Iterator[None]:
        run = context.run
        campaign = run.tags.get("dagster/partition") if run else None
        instance = context.instance
        if run is None or campaign is None or instance is None:
            yield None
            return
        instance.add_run_tags(run.run_id, signature(run.run_id))
        log = context.log

        def tell(holder: str) -> None:
            if log is not None:
                log.info(f"{campaign} is held by {holder}; waiting for it.")

        def pause(seconds: float) -> None:
            # Dagster keeps interrupts back while it makes resources; asked to terminate the run, it says so here.
            time.sleep(seconds)
            if instance.get_runs_count(dg.RunsFilter([run.run_id], statuses=[dg.DagsterRunStatus.CANCELING])):
                raise dg.Failure(f"Terminated while it waited for {campaign}.")

        store, run_id = context.resources.store, run.run_id
        with campaign_lease(store, campaign, run_id, wait_s=wait_s, on_wait=tell, sleep=pause):
            yield None

    return hold


@dataclass(frozen=True)
class Outbox:
    """The places that films are delivered to."""

    receivers: tuple[Receiver, ...] = ()
