"""What a file must be to be read as a photo: its kind by content and by name, its size in pixels.

Imports nothing heavy, because the processes that decode photos load it too.
Not here: decoding (media/read_photo.py), and how good a picture is (quality.py).
"""

import re
from pathlib import PurePath
from typing import Final

from property_video.core.errors import BadPhoto

READABLE: Final = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
"""Kinds of picture that are decoded. Everything else is refused before a decoder sees it."""

EXPORT: Final = "Export it as JPEG and upload that."

SMALLER_EXPORT: Final = "Export it as JPEG with at most 6000 pixels on the long side."

SMALLEST_SIDE: Final = 360
"""Pixels of the short side below which a photo is refused: 3x upscaling in a 1080-line film."""

SMALL_SIDE: Final = 720
"""Pixels of the short side below which a photo is used only when nothing better shows the room."""

LONGEST_SIDE: Final = 30_000
"""Pixels; JPEG itself allows 65 500."""

LARGEST_ASPECT: Final = 8.0
"""Long side over short side. Beyond it the working copy of 3072 pixels has a short side of less than 384."""

MEGAPIXELS: Final = {"JPEG": 120.0}
"""JPEG decodes at a reduced size, so that 100 megapixels are cheap."""

OTHER_MEGAPIXELS: Final = 50.0
"""All other kinds are decoded whole, at 4 bytes a pixel and more (24 MP of WebP take 374 MB)."""

LARGEST_FILE: Final = 80_000_000
"""Bytes; a 100-megapixel JPEG of the best quality has about 60 MB."""

_ENOUGH_WIDTH: Final = 0.8 * 1920 * 1.1
"""Pixels of width that a 1920-wide film needs: 10 % more for the camera's way, and at most 1.25x upscaling."""

_STARTS: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0\x10\0\0\0CR", "camera raw"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIU\0", "camera raw"),
    (b"IIR", "camera raw"),
    (b"II*\0", "TIFF or camera raw"),
    (b"MM\0*", "TIFF or camera raw"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1aE\xdf\xa3", "video"),
)

_HEIF_BRANDS: Final = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS: Final = {b"avif", b"avis"}

HEAD_BYTES: Final = 64
"""Bytes from the start of a file that `kind_of` wants to see."""


def kind_of(head: bytes) -> str:
    """The kind of file that begins with `head`: one of `READABLE`, the name of a foreign kind, or "" if unknown."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"AVI ": "video"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _kind_of_container(head)
    if b"<svg" in head.lower():
        return "SVG"
    return ""


def _kind_of_container(head: bytes) -> str:
    """The kind of an ISO base media file (ISO 14496-12): major brand, then compatible brands, 4 bytes each."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[at : at + 4] for at in (8, *range(16, min(length, len(head)), 4))]
    if brands[0] in _AVIF_BRANDS or (brands[0] in (b"mif1", b"msf1") and _AVIF_BRANDS.intersection(brands)):
        return "AVIF"
    if brands[0] in _HEIF_BRANDS:
        return "HEIF"
    return "camera raw" if brands[0] == b"crx " else "video"


def check_kind(kind: str) -> None:
    """Refuse what is not one of `READABLE`.

    Raises:
        BadPhoto: its reason reads on after the file's name.
    """
    if kind in READABLE:
        return
    if kind:
        raise BadPhoto(f"is a kind of file that is not read ({kind}).", EXPORT)
    raise BadPhoto("is not a picture.", "Remove it, or upload the photo again if it should be one.")


def check_size(kind: str, width: int, height: int) -> None:
    """Refuse pictures too big to decode or too small or too narrow to film. `width` and `height` are pixels.

    Raises:
        BadPhoto: its reason reads on after the file's name.
    """
    short, long = sorted((width, height))
    allowed = MEGAPIXELS.get(kind, OTHER_MEGAPIXELS)
    if long > LONGEST_SIDE or width * height > allowed * 1e6:
        raise BadPhoto(
            f"has {width}x{height} pixels; at most {allowed:.0f} megapixels of {kind} are read.",
            SMALLER_EXPORT,
        )
    if short < 1 or long > LARGEST_ASPECT * short:
        raise BadPhoto(
            f"has {width}x{height} pixels, which is narrower than {LARGEST_ASPECT:.0f}:1.",
            "Crop it to the shape of a photo.",
        )
    if short < SMALLEST_SIDE:
        raise BadPhoto(
            f"has {width}x{height} pixels; the short side must have at least {SMALLEST_SIDE}.",
            "Upload the original, not a thumbnail.",
        )


def size_warnings(width: int, height: int) -> tuple[str, ...]:
    """What to say of a picture that is readable and small. `width` and `height` are pixels of the working copy."""
    if min(width, height) < SMALL_SIDE:
        return (
            f"Small ({width}x{height}): used only when nothing better shows the room. "
            f"The short side should have at least {SMALL_SIDE} pixels.",
        )
    if width < _ENOUGH_WIDTH:
        return (
            f"Only {width} pixels wide: it is enlarged in a 1920-wide film and may look soft. "
            "Upload the original if there is a larger one.",
        )
    return ()


def _suffixes(words: str) -> frozenset[str]:
    return frozenset(words.split())


PICTURE_SUFFIXES: Final = _suffixes("jpg jpeg jpe jfif mpo png webp heic heif hif avif")

_FOREIGN: Final = (
    (
        "a camera raw file",
        EXPORT,
        _suffixes(
            "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq kdc mef mos nef nrw orf pef raf raw rw2 rwl sr2 srw x3f"
        ),
    ),
    ("a TIFF file", EXPORT, _suffixes("tif tiff")),
    ("a Photoshop file", EXPORT, _suffixes("psd psb")),
    ("a drawing", EXPORT, _suffixes("svg eps ai")),
    ("a PDF file", EXPORT, _suffixes("pdf")),
    ("a kind of picture that is not read", EXPORT, _suffixes("gif bmp ico tga jp2 j2k jxl")),
    ("a video", "Upload photos; the film is made from them.", _suffixes("mp4 mov m4v avi mkv webm mts insv 3gp")),
    ("an archive", "Unpack it and upload the photos themselves.", _suffixes("zip rar 7z tar gz tgz")),
    ("a document", "Upload photos as JPEG.", _suffixes("doc docx xls xlsx ppt pptx pages key odt")),
)
"""What is not read: its name in a sentence, the remedy, and how such files' names end."""

_SIDECARS: Final = _suffixes(
    "txt md rst yaml yml json xml html htm css js csv tsv log ini cfg toml url lnk webloc py ipynb "
    "xmp aae thm pp3 dop cos on1 lrcat part partial crdownload download tmp bak swp"
)
_SYSTEM_NAMES: Final = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "icon\r"}
    | {"_ready", "licence", "license", "readme", "copying", "notice", "authors", "makefile"}
)


def _suffix(name: str) -> str:
    return PurePath(name).suffix[1:].lower()


def is_ignored_name(name: str) -> bool:
    """Whether a file or folder of this name is no business of the photographer's: hidden, system, sidecar, partial."""
    return name.startswith((".", "~$")) or name.casefold() in _SYSTEM_NAMES or _suffix(name) in _SIDECARS


def is_picture_name(name: str) -> bool:
    """Whether the name ends like a photo's, of a kind that is read or not."""
    foreign = foreign_by_name(name)
    return _suffix(name) in PICTURE_SUFFIXES or (foreign is not None and foreign[1] == EXPORT)


def foreign_by_name(name: str) -> tuple[str, str] | None:
    """Why a file of this name is not read, and the remedy; None when its name says nothing against it."""
    return next(((f"is {what}.", remedy) for what, remedy, suffixes in _FOREIGN if _suffix(name) in suffixes), None)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key in which IMG_2 comes before IMG_10; upper and lower case are alike, and ties go by the exact name."""
    parts: list[str | int] = list(re.split(r"([0-9]+)", name.casefold()))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, name


def printable(name: str) -> str:
    r"""The name as valid Unicode: bytes of a file name that are not UTF-8 are written like `\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
