"""The front door for Dagster: one function builds the code location and accepts replacements.

Not here: what is in the graph (defs) and which home it runs in (settings.py).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from property_video.core.buying import Market, Terms
from property_video.core.choice import Vendor
from property_video.core.money import micros
from property_video.core.places import Place
from property_video.defs import jobs
from property_video.defs.assets.film import build_film, build_track
from property_video.defs.assets.pairs import orders, selected_pairs
from property_video.defs.assets.photos import brief, photo_analysis, uploaded_photos
from property_video.defs.assets.portfolio import portfolio
from property_video.defs.assets.scenes import build_scenes
from property_video.defs.failures import PATIENTLY
from property_video.defs.housekeeping import build_housekeeping
from property_video.defs.io_managers import records_io_manager
from property_video.defs.means import means_of
from property_video.defs.resources import (
    Outbox,
    StoreResource,
    UploadsResource,
    campaign_hold,
    form_of,
    silent,
    unheard,
)
from property_video.defs.sensors import outbox_sensor, portfolio_sensor, uploads_sensor
from property_video.orders.buyer import Means
from property_video.outbox.receivers import BucketReceiver, FolderReceiver, Webhook, post
from property_video.providers.embedded import Embedded
from property_video.providers.hosted import PredictionApi
from property_video.providers.registry import load_registry
from property_video.providers.vision import Vision
from property_video.settings import Hook, Settings, read_settings

# Handlers named in dagster.yaml (engine/log_lines.py) are "beta"; nobody who makes a film can do anything about it.
warnings.filterwarnings("ignore", message="Handling yaml-defined logging", category=dg.BetaWarning)


def build_defs(
    settings: Settings | None = None, *, retry: dg.RetryPolicy = PATIENTLY, **replacements: Any
) -> dg.Definitions:
    """Build everything Dagster loads.

    Args:
        settings: where things are; read from the environment when left out.
        retry: how often steps try again after a transient error.
        replacements: resources to use instead of the product's own, by name.
    """
    settings = settings or read_settings()
    embedded = Embedded()
    resources: dict[str, Any] = {
        "store": StoreResource(**form_of(settings.store)),
        "uploads": UploadsResource(**form_of(settings.uploads), settle_s=settings.settle_s),
        "clips": embedded,
        "tracks": embedded,
        "progress": silent,
        "say": unheard,
        "means": build_means(settings),
        "outbox": build_outbox(settings),
        "hold": campaign_hold(settings.lease_wait_s),
        "io_manager": records_io_manager,
    }
    return dg.Definitions(
        assets=[
            brief,
            uploaded_photos,
            photo_analysis,
            selected_pairs,
            orders,
            *build_scenes(retry),
            build_track(retry),
            build_film(settings.media_url, retry),
            portfolio,
        ],
        jobs=[jobs.film, *jobs.scenes],
        schedules=[build_housekeeping(settings.keep_films)],
        sensors=[uploads_sensor, outbox_sensor, portfolio_sensor],
        resources=resources | replacements,
        executor=dg.in_process_executor,
    )


def build_means(settings: Settings) -> Means:
    """What runs may buy with: the services whose keys are set."""

    @contextmanager
    def services() -> Iterator[dict[str, PredictionApi]]:
        from property_video.providers.replicate.api import PUBLIC_URL, ReplicateApi

        access = settings.services.get("replicate")
        if access is None:
            yield {}
            return
        with ReplicateApi(access.key, access.base_url or PUBLIC_URL) as replicate:
            yield {"replicate": replicate}

    terms = Terms(clip_deadline_s=settings.clip_deadline_s, music_deadline_s=settings.music_deadline_s)
    vendors: tuple[Vendor, ...] = ("xai", "openai")
    asking: dict[str, Vision] = {
        vendor: Vision(vendor, settings.services[vendor].key, settings.services[vendor].base_url)
        for vendor in vendors
        if vendor in settings.services
    }
    limit = settings.month_budget_usd
    market = Market(registry=load_registry(), terms=terms)
    slots = {"replicate": settings.replicate_slots}
    return means_of(market, services, asking, None if limit is None else micros(limit), slots)


def build_outbox(settings: Settings) -> Outbox:
    """Where films are delivered to."""

    def shown(campaign: str) -> str:
        return f"{settings.media_url}/films/{campaign}"

    def receiver(each: Place | Hook) -> FolderReceiver | BucketReceiver | Webhook:
        if isinstance(each, Hook):
            return Webhook(each.url, each.secret, shown, post)
        return FolderReceiver(each) if isinstance(each, Path) else BucketReceiver(each)

    return Outbox(tuple(map(receiver, settings.deliver)))


defs = build_defs()
