"""Opening the store of a place.

Not here: which place (settings.py).
"""

import functools
from pathlib import Path

from property_video.core.places import Bucket, Place
from property_video.store.base import Store
from property_video.store.layout import brought_up
from property_video.store.local import LocalStore


def open_store(place: Place) -> Store:
    """The store in a folder or a bucket, in the present layout. Nothing is made before it is used.

    Raises:
        StoreError: it is of a later version of the product, or cannot be read.
        CampaignBusy: it is of an older one, and a film is being made.
    """
    return brought_up(LocalStore(place)) if isinstance(place, Path) else _in_bucket(place)


@functools.cache
def _in_bucket(bucket: Bucket) -> Store:
    """One for the whole process: what was fetched for one step is there for the next."""
    from property_video.store.s3 import S3Store

    return brought_up(S3Store(bucket))
