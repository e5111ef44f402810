"""What is in a campaign's folder, told from names and file status: nothing is decoded.

Not here: the rules about names (core/picture.py), reading photos (read_photo.py).
"""

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from property_video.core.errors import BadInput
from property_video.core.photo import Rejection
from property_video.core.picture import (
    HEAD_BYTES,
    READABLE,
    foreign_by_name,
    is_ignored_name,
    is_picture_name,
    kind_of,
    natural_key,
    printable,
)
from property_video.core.recording import is_sound_name
from property_video.core.upload import MOST_FILES, Upload, UploadFile

BRIEF_NAMES: Final = ("campaign.yaml", "campaign.yml")
"""The first of these that is there is the brief."""

PHOTO_FOLDER: Final = "photos"
"""The one subfolder that is read, in any case."""

_FOLDERS_SEEN: Final = 200


def list_upload(folder: Path) -> Upload:
    """List a campaign's folder and its subfolder `photos`.

    Hidden and system files, half-finished downloads and sidecars are passed over, sounds are set apart; whatever else
    cannot be a photo is rejected with a reason that reads on after the file's name.

    Raises:
        BadInput: the folder is missing, not a folder, not readable, empty, or holds more than `MOST_FILES` files.
    """
    verdicts = list(_survey(folder, Path(os.path.realpath(folder))))
    brief, spare_briefs = _briefs(folder)
    found = [verdict for verdict in verdicts if isinstance(verdict, UploadFile)]
    sounds = [file for file in found if is_sound_name(file.name) and not _is_picture(file.path)]
    files = [file for file in found if file not in sounds]
    rejected = [verdict for verdict in verdicts if isinstance(verdict, Rejection)] + spare_briefs
    if len(files) > MOST_FILES:
        raise BadInput(f"{folder} holds {len(files)} files; at most {MOST_FILES} are read.", "Remove some.")
    if not (files or sounds or rejected or brief):
        raise BadInput(f"{folder} is empty.", "Put the photos into it.")
    return Upload(
        files=tuple(sorted(files, key=lambda file: natural_key(file.name))),
        sounds=tuple(sorted(sounds, key=lambda file: natural_key(file.name))),
        brief=brief,
        rejected=tuple(sorted(rejected, key=lambda rejection: natural_key(rejection.file))),
    )


def _briefs(folder: Path) -> tuple[Path | None, list[Rejection]]:
    """The brief, if there is one, and others that are not read beside it."""
    there = [folder / name for name in BRIEF_NAMES if (folder / name).is_file()]
    for brief in there:
        if _leads_out(brief, Path(os.path.realpath(folder))):
            raise BadInput(f"{brief} is a link that leads out of its folder.", "Put the file itself there.")
    unread = [
        Rejection(file=brief.name, reason=f"is not read, because {there[0].name} is there.", remedy="Keep one of them.")
        for brief in there[1:]
    ]
    return (there[0] if there else None), unread


def _survey(folder: Path, root: Path, prefix: str = "") -> Iterator[UploadFile | Rejection]:
    for entry in _entries(folder):
        name = prefix + printable(entry.name)
        if is_ignored_name(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield _verdict(entry, name, root)
        elif not prefix and entry.name.casefold() == PHOTO_FOLDER:
            yield from _survey(Path(entry.path), root, f"{name}/")
        elif _has_pictures(entry.path):
            yield Rejection(
                file=name, reason="is a subfolder, which is not read.", remedy="Put the photos into the folder itself."
            )


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError as error:
        raise BadInput(f"The folder {folder} does not exist.", "Check its path.") from error
    except NotADirectoryError as error:
        raise BadInput(f"{folder} is not a folder.", "Name the folder that holds the photos.") from error
    except PermissionError as error:
        raise BadInput(f"The folder {folder} cannot be read: permission denied.", "Make it readable.") from error
    except OSError as error:
        raise BadInput(
            f"The folder {folder} cannot be read: {error.strerror}.", "Check the disk or the path."
        ) from error


def _verdict(entry: "os.DirEntry[str]", name: str, root: Path) -> UploadFile | Rejection:
    """Whether something that is no folder may be a photo, from its name and status."""
    path = Path(entry.path)
    if _leads_out(path, root):
        return Rejection(file=name, reason="is a link that leads out of the folder.", remedy="Upload the photo itself.")
    try:
        status = entry.stat()
    except OSError:
        return Rejection(file=name, reason="is a link to nothing.", remedy="Upload the photo itself.")
    if not stat.S_ISREG(status.st_mode):
        return Rejection(file=name, reason="is not a regular file.", remedy="Upload a copy of the photo itself.")
    if status.st_size == 0:
        return Rejection(file=name, reason="is empty.", remedy="Upload it again.")
    if not os.access(path, os.R_OK):
        return Rejection(
            file=name,
            reason="cannot be read: permission denied.",
            remedy="Make it readable for the account that runs this.",
        )
    foreign = foreign_by_name(entry.name)
    if foreign and not _is_picture(path):
        reason, remedy = foreign
        return Rejection(file=name, reason=reason, remedy=remedy)
    return UploadFile(name=name, path=path, file_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def _leads_out(path: Path, root: Path) -> bool:
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root)


def _is_picture(path: Path) -> bool:
    """Whether a file is one that is read in spite of its name."""
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES)) in READABLE
    except OSError:
        return False


def _has_pictures(folder: str) -> bool:
    """Whether the names of files in a subfolder look like photos, at any depth of the first `_FOLDERS_SEEN` folders."""
    for _, subfolders, names in itertools.islice(os.walk(folder), _FOLDERS_SEEN):
        subfolders[:] = sorted(name for name in subfolders if not is_ignored_name(name))
        if any(is_picture_name(name) and not is_ignored_name(name) for name in names):
            return True
    return False
