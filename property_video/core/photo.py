"""What a photo is: its identity, its health, what it shows.

Not here: decoding (media/read_photo.py) and choosing photos for scenes (pairing.py).
"""

from typing import Literal

from property_video.core.records import Record

Room = Literal[
    "exterior",
    "entrance",
    "living_room",
    "kitchen",
    "dining",
    "bedroom",
    "bathroom",
    "tub",
    "pool",
    "terrace",
    "garden",
    "view",
    "aerial",
    "amenity",
    "detail",
    "floor_plan",
    "other",
]


class Reading(Record):
    """What reading one file gave. Depends on the file's bytes alone, never on its name.

    `width` and `height` are pixels of the upright picture at full resolution, after EXIF orientation.
    `taken` is EXIF's DateTimeOriginal as written (local time, "2025:06:14 09:12:08"), empty when unknown.
    `warnings` are sentences for people; the photo is usable all the same.
    """

    sha256: str
    file_bytes: int
    format: str
    width: int
    height: int
    taken: str = ""
    warnings: tuple[str, ...] = ()


class Look(Record):
    """What simple measurements say of a photo's picture (media/look.py has methods and sources).

    `sharpness` is the smallest of four directional re-blur ratios in 0..1; `p50` and `p95` are grey levels
    0..255; `blown` is the share of pixels with all channels at 250 or more; `dhash` is a 256-bit
    difference hash as 64 hexadecimal digits.
    """

    sharpness: float
    p50: float
    p95: float
    blown: float
    dhash: str


class Photo(Record):
    """One usable photo of a campaign: its name in the upload and where its pictures are in the store.

    `working` and `preview` are media keys of metadata-free JPEGs: what the renderer and what analysis reads.
    """

    name: str
    reading: Reading
    working: str
    preview: str


class Rejection(Record):
    """One file that is not used: why, and what the photographer can do. `same_as` names the photo of the same bytes."""

    file: str
    reason: str
    remedy: str
    same_as: str = ""


class UploadedPhotos(Record):
    """What a campaign's folder held: usable photos in upload order, rejected files, and the listing's fingerprint."""

    photos: tuple[Photo, ...]
    rejected: tuple[Rejection, ...] = ()
    listing: str
    source: str
    found: int = 0

    def photo(self, name: str) -> Photo:
        """The photo of that name.

        Raises:
            KeyError: there is none.
        """
        for photo in self.photos:
            if photo.name == name:
                return photo
        raise KeyError(name)


class Verdict(Record):
    """What analysis says of one photo.

    `room_confidence` is 0..1; `room_source` tells who decided: the brief, the file's name, a vision model,
    or nobody.
    `visit` numbers the photographer's stops: photos of one visit were taken minutes apart; 0 is unknown.
    `evening` is what the camera's clock says.
    `quality` ranks photos of the same room, 0..1. `duplicate_of` names the better photo of the same picture.
    """

    name: str
    room: Room
    room_confidence: float
    room_source: Literal["brief", "file name", "vision model", "unknown"]
    visit: int
    evening: bool = False
    look: Look
    quality: float
    blurred: bool = False
    dark: bool = False
    small: bool = False
    duplicate_of: str = ""

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why this photo is used only when nothing else shows the room."""
        said = (("blurred", self.blurred), ("dark", self.dark), ("small", self.small))
        return tuple(word for word, holds in said if holds)


class PhotoAnalysis(Record):
    """Verdicts of all usable photos, in upload order."""

    verdicts: tuple[Verdict, ...]
    found: int = 0
