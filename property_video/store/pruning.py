"""Removing what is no longer wanted: old films, and media that no record names.

Takes of scenes and tracks stay: an edit can bring them back at no cost. So does what hosted models delivered, as it
came: it is paid for.

Not here: deciding when.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from property_video.core.outputs import Film
from property_video.core.photo import UploadedPhotos
from property_video.core.records import Record
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.leases import whole_store

MEDIA_KEY: Final = re.compile(rb"media/[0-9a-f]{2}/[0-9a-f]{64}\.[a-z0-9]+")
"""How a record names media. Found as text, so that a record of any kind or age keeps what it names."""


class Pruned(Record):
    """What pruning did."""

    films: int = 0
    media: int = 0
    bytes: int = 0


def prune(store: Store, keep: int) -> Pruned:
    """Keep the last `keep` films of every campaign (one at least), and all media that a record still names.

    Raises:
        CampaignBusy: a film is being made.
        StoreError: the store cannot be read or written.
    """
    with whole_store(store):
        films = sum(_prune_films(store, Path(folder).name, max(keep, 1)) for folder in store.keys("takes"))
        return _prune_media(store).model_copy(update={"films": films})


def prune_media(store: Store) -> Pruned:
    """Remove all media that no record names any more.

    Raises:
        CampaignBusy: a film is being made.
        StoreError: the store cannot be read or written.
    """
    with whole_store(store):
        return _prune_media(store)


def _prune_media(store: Store) -> Pruned:
    _prune_readings(store)
    wanted = set(_named_media(store))
    media, freed = 0, 0
    for folder in store.keys("media"):
        for key in store.keys(folder):
            if key not in wanted:
                freed += store.remove(key)
                media += 1
    return Pruned(media=media, bytes=freed)


def _prune_films(store: Store, campaign: str, keep: int) -> int:
    """Remove the records of a campaign's older films; the one that its asset shows is never among them."""
    films = sorted(store.walk(keys.takes(campaign, "final_video")), key=lambda film: film.changed, reverse=True)
    newest = [film.key for film in films]
    last = store.read(keys.record("final_video", campaign), Film)
    if last is not None:
        shown = keys.take(campaign, "final_video", last.fingerprint)
        newest.sort(key=lambda key: key != shown)
    for key in newest[keep:]:
        store.remove(key)
    return len(newest[keep:])


def _prune_readings(store: Store) -> None:
    """Remove what is known of photos that no campaign has any more, so that their pictures can go."""
    wanted = set()
    for key in store.keys("records/uploaded_photos"):
        uploaded = store.read(key, UploadedPhotos)
        wanted |= {photo.reading.sha256 for photo in uploaded.photos} if uploaded else set()
    for kind in ("readings", "looks", "matches"):
        for version in store.keys(kind):
            for folder in store.keys(version):
                for key in store.keys(folder):
                    if not set(Path(key).stem.split("-")) <= wanted:
                        store.remove(key)


def _named_media(store: Store) -> Iterator[str]:
    for part in ("records", "takes", "readings", "journal"):
        for entry in store.walk(part):
            yield from map(bytes.decode, MEDIA_KEY.findall(store.read_bytes(entry.key) or b""))
