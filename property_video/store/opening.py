"""Opening the store of a place.

Not here: which place (settings.py).
"""

from pathlib import Path

from property_video.core.places import Place
from property_video.store.base import Store
from property_video.store.local import LocalStore


def open_store(place: Place) -> Store:
    """The store in a folder. Nothing is made or read before it is used."""
    assert isinstance(place, Path)
    return LocalStore(place)
