"""What a campaign's folder holds, before any file is opened as a picture.

Not here: walking folders (media/upload_files.py), decoding (media/read_photo.py).
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import PlainSerializer

from property_video.core.photo import Rejection
from property_video.core.picture import printable
from property_video.core.records import Record

MOST_FILES: Final = 500
"""Photos of one campaign; the largest listings have about 100."""


class UploadFile(Record):
    """One file that may be a photo.

    `name` is relative to the folder, with `/`, and valid Unicode; `path` is where the file is (in JSON, bytes of it
    that are not UTF-8 are escaped). `mtime_ns` is the time of its last change in nanoseconds since 1970.
    """

    name: str
    path: Annotated[Path, PlainSerializer(lambda path: printable(str(path)), when_used="json")]
    file_bytes: int
    mtime_ns: int


class Upload(Record):
    """A campaign's folder: candidates in natural order (IMG_2 before IMG_10), the brief, and what is not read.

    `sounds` are files of which the brief may name one as the film's track.
    """

    files: tuple[UploadFile, ...]
    sounds: tuple[UploadFile, ...] = ()
    brief: Path | None = None
    rejected: tuple[Rejection, ...] = ()
