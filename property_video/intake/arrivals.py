"""What has arrived in one campaign's folder, and whether it is all there.

Not here: where folders arrive (uploads.py), what is due (core/reconcile.py), reading photos (photos.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from property_video.core.upload import Upload
from property_video.intake.photos import listing_fingerprint
from property_video.media.upload_files import PHOTO_FOLDER, list_upload

READY: Final = "_READY"
"""A file of this name says that everything is there, however young it is."""

UNFINISHED: Final = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp")
"""Endings of names that browsers and copying tools give to files which are not complete."""


@dataclass(frozen=True)
class Arrived:
    """An upload: its fingerprint, when anything in it last changed (seconds since 1970), and whether it is complete.

    `unfinished` names a file that is still being copied, or is "".
    """

    listing: str
    changed: float
    ready: bool
    unfinished: str

    def settled(self, now: float, settle_s: float) -> bool:
        """Whether it can be taken.

        A camera's clock may be ahead by years; a server's by seconds, and then the file is as young as that.
        """
        return not self.unfinished and (self.ready or abs(now - self.changed) >= settle_s)


def look(folder: Path, now: float) -> Arrived:
    """Look at one upload.

    Raises:
        BadInput: it cannot be read, or holds nothing.
        OSError: it changes while it is looked at.
    """
    upload = list_upload(folder)
    folders = _folders(folder)
    names = [entry.name for each in folders for entry in each.iterdir()]
    return Arrived(
        listing=listing_fingerprint(upload),
        changed=min(_changes(folders, upload), key=lambda change: abs(now - change)),
        ready=READY in names,
        unfinished=next((name for name in sorted(names) if name.lower().endswith(UNFINISHED)), ""),
    )


def _changes(folders: list[Path], upload: Upload) -> list[float]:
    """When files of an upload and the folders they are in last changed, in seconds since 1970.

    A copied file may keep an old time; the folder it comes into gets the present one.
    """
    files = [file.path for file in upload.files] + ([upload.brief] if upload.brief else [])
    return [path.stat().st_mtime for path in (*folders, *files)]


def _folders(folder: Path) -> list[Path]:
    """The folder, and the subfolder of it that is read."""
    inside = [entry for entry in folder.iterdir() if entry.name.casefold() == PHOTO_FOLDER and entry.is_dir()]
    return [folder, *inside]
