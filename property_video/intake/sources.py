"""Where a campaign's photos come from.

A folder under `uploads/` is the campaign's source as long as it exists; otherwise the folder that `make` was given.

Not here: reading the folder (photos.py, briefs.py).
"""

from pathlib import Path

from property_video.core.errors import BadInput
from property_video.core.photo import UploadedPhotos
from property_video.core.records import Record
from property_video.store import keys
from property_video.store.base import Store


class Source(Record):
    """A campaign's source, as it was last named."""

    folder: str


def name_source(store: Store, uploads: Path, campaign: str, folder: Path) -> None:
    """Remember the folder that a campaign is made from.

    Raises:
        BadInput: the campaign has a folder of its own under `uploads/`, which would outrank this one.
    """
    own = uploads / campaign
    if own.is_dir() and own.resolve() != folder.resolve():
        raise BadInput(
            f"The campaign {campaign} takes its photos from {own}.", "Name another campaign with --campaign."
        )
    store.write(keys.source(campaign), Source(folder=str(folder.resolve())))


def named_source(store: Store, campaign: str) -> Path | None:
    """The folder that `make` last named for a campaign."""
    source = store.read(keys.source(campaign), Source)
    return Path(source.folder) if source else None


def find_source(store: Store, uploads: Path, campaign: str) -> Path:
    """The folder to read a campaign's photos from; it may be gone since they were taken in.

    Raises:
        BadInput: nobody ever named one.
    """
    own = uploads / campaign
    if own.is_dir():
        return own
    named = named_source(store, campaign)
    if named is not None:
        return named
    taken_in = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    if taken_in is not None:
        return Path(taken_in.source)
    raise BadInput(
        f"The campaign {campaign} has no photos.", f"Drop a folder {own} or run `property-video make FOLDER`."
    )
