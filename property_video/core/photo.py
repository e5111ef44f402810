"""What a photo is: its identity, its health, what it shows.

Not here: decoding (media/read_photo.py) and choosing photos for scenes (pairing.py).
"""

from typing import Literal

from property_video.core.chosen import Chosen
from property_video.core.joins import Match
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
    """What measurements say of one photo's picture (media/look.py has methods and sources).

    Attributes:
        sharpness: smallest of four directional re-blur ratios, 0..1.
        p50: median grey level, 0..255.
        p95: grey level below which 95 % of the pixels are, 0..255.
        blown: share of pixels with all channels at 250 or more.
        dhash: a 256-bit difference hash as 64 hexadecimal digits.
        roll: by how many degrees the picture is tilted, clockwise as seen; 0 when that cannot be told.
        keystone: by how many degrees the verticals at the right edge lean more than those at the left one; 0 when
            that cannot be told.
        focus_x: centre of what the photo is of, as a fraction of the width.
        focus_y: the same of the height.
        saliency: how much each of 16x16 cells catches the eye, row by row, a byte each (255 the most), as hexadecimal
            digits; empty when not measured.
        pool: share of the picture that looks like one body of pool water.
        dusk: how much a picture taken outside looks like dusk by the trained head, 0..1; 0 without the network.
        rooms: ImageNet mass of each room, in the order of `room_model.ROOMS`; empty when no network was at hand.
        head: probabilities of bathroom, bedroom, frontal and kitchen by the trained head; empty likewise.
        feature: 1280 unsigned bytes in base64, the network's feature up to a factor; empty likewise.
    """

    sharpness: float
    p50: float
    p95: float
    blown: float
    dhash: str
    roll: float = 0.0
    keystone: float = 0.0
    focus_x: float = 0.5
    focus_y: float = 0.5
    saliency: str = ""
    pool: float = 0.0
    dusk: float = 0.0
    rooms: tuple[float, ...] = ()
    head: tuple[float, ...] = ()
    feature: str = ""


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


RoomSource = Literal["brief", "file name", "picture", "vision model", "unknown"]


class Verdict(Record):
    """What analysis says of one photo.

    Attributes:
        name: the photo's name in the upload.
        room: what it shows; `other` rather than a guess.
        room_confidence: how sure that is, 0..1.
        room_source: who decided: the brief, the file's name, the picture itself, a hosted vision model, or
            nobody.
        second_room: what it shows as well, as a kitchen with a dining table does.
        outdoors: probability that the camera stood, or looked, outside: 0..1.
        visit: number of the photographer's stop: photos of one visit were taken minutes apart; 0 is unknown.
        space: number of the space it shows: photos of one space show the same room or the same side of the house;
            0 when no other photo shows it.
        evening: whether it was taken at dusk or later, by its sky, or indoors by the camera's clock.
        quality: ranks photos of the same room, 0..1.
        blurred: not sharp enough to be shown while another photo shows the room.
        dark: too dark for that.
        small: too few pixels for that.
        soft: less sharp than photos usually are.
        blown: too much of it is plain white.
        tilted: it needs more than a slight turn to stand upright.
        duplicate_of: the name of the better photo of the same picture.
    """

    name: str
    room: Room
    room_confidence: float
    room_source: RoomSource
    second_room: Room | None = None
    outdoors: float = 0.0
    visit: int
    space: int = 0
    evening: bool = False
    look: Look
    quality: float
    blurred: bool = False
    dark: bool = False
    small: bool = False
    soft: bool = False
    blown: bool = False
    tilted: bool = False
    duplicate_of: str = ""

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why this photo is used only when nothing else shows the room."""
        said = (("blurred", self.blurred), ("dark", self.dark), ("small", self.small))
        return tuple(word for word, holds in said if holds)


class PhotoAnalysis(Record):
    """Verdicts of all usable photos, in upload order, and what pairs of them have in common.

    `warning` says what the verdicts lack; empty when they lack nothing. `chosen` tells of the vision model that was
    asked for the rooms; None where none was.
    """

    verdicts: tuple[Verdict, ...]
    matches: tuple[Match, ...] = ()
    found: int = 0
    warning: str = ""
    chosen: Chosen | None = None
