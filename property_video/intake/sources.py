"""Where a campaign's photos come from.

A folder among the uploads is the campaign's source as long as it exists; otherwise the folder that `make` was given.

Not here: reading the folder (photos.py, briefs.py).
"""

from pathlib import Path

from property_video.core.errors import BadInput
from property_video.core.photo import UploadedPhotos
from property_video.core.records import Record
from property_video.intake.uploads import Uploads
from property_video.store import keys
from property_video.store.base import Store


class Source(Record):
    """A campaign's source, as it was last named: a path, or an address among the uploads."""

    folder: str


def name_source(store: Store, uploads: Uploads, campaign: str, folder: Path) -> None:
    """Remember the folder that a campaign is made from.

    Raises:
        BadInput: the campaign has a folder of its own among the uploads, which would outrank this one.
    """
    own = uploads.address(campaign)
    if own != str(folder.resolve()) and uploads.has(campaign):
        raise BadInput(
            f"The campaign {campaign} takes its photos from {own}.", "Name another campaign with --campaign."
        )
    store.write(keys.source(campaign), Source(folder=str(folder.resolve())))


def named_source(store: Store, campaign: str) -> str | None:
    """The path or address that was last named for a campaign."""
    source = store.read(keys.source(campaign), Source)
    return source.folder if source else None


def source_address(store: Store, uploads: Uploads, campaign: str) -> str:
    """What people call the folder that a campaign's photos are read from; it may be gone since they were taken in.

    Raises:
        BadInput: nobody ever named one.
    """
    if uploads.has(campaign):
        return uploads.address(campaign)
    named = named_source(store, campaign)
    if named is not None:
        return named
    taken_in = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    if taken_in is not None:
        return taken_in.source
    own = uploads.address(campaign)
    raise BadInput(
        f"The campaign {campaign} has no photos.", f"Drop a folder {own} or run `property-video make FOLDER`."
    )


def find_source(store: Store, uploads: Uploads, campaign: str) -> Path:
    """That folder on this machine.

    Raises:
        BadInput: nobody ever named one.
    """
    address = source_address(store, uploads, campaign)
    name = uploads.name_of(address)
    return uploads.folder(name) if name else Path(address)
