"""Reading one uploaded file: checked, decoded once, brought to upright 8-bit sRGB, written without metadata.

The order of steps and the limits are measured (photos.md, section 7): kind and pixel limits come from the header,
before any decoder runs; JPEG decodes at a reduced size; colours are converted and the picture is turned after it
was made small. The format list is explicit, so that decoders for rare kinds are never reached.

Not here: the processes in which this runs (photo_worker.py), measuring pictures (look.py), listing uploads.
"""

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from property_video.core.errors import BadPhoto, PropertyVideoError
from property_video.core.picture import (
    HEAD_BYTES,
    LARGEST_FILE,
    SMALLER_EXPORT,
    check_kind,
    check_size,
    kind_of,
    size_warnings,
)
from property_video.files import written_whole
from property_video.media.jpeg_segments import without_metadata

if TYPE_CHECKING:
    from PIL import Image, ImageCms

    from property_video.core.photo import Reading

WORKING_SIDE: Final = 3072
"""Pixels of the working copy's long side at most: 1.6x the width of the film, room for a push-in."""

PREVIEW_SIDE: Final = 1024
"""Pixels of the preview's long side at most: the size at which sharpness is measured."""

WORKING_QUALITY: Final = 97
PREVIEW_QUALITY: Final = 92

_HUGE_PROGRESSIVE: Final = 64e6
"""Pixels above which a progressive JPEG is decoded at no more than needed: its coefficients alone take 3 bytes a
pixel (4:2:0), so that 100 megapixels stay below 400 MB only with a small picture beside them (measured: 354 MB; in
4:4:4, with 6 bytes a pixel, 653 MB)."""

_SMALLEST_WORKING_SIDE: Final = 2048
"""What the long side of the working copy of such a file has at least; the film's width is 1920."""

_TROUBLES: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (MemoryError, "takes too much memory to decode.", SMALLER_EXPORT),
    (FileNotFoundError, "is not there any more.", "Upload it again."),
    (PermissionError, "cannot be read: permission denied.", "Make the file readable for the account that runs this."),
    (OSError, "is damaged or incomplete.", "Upload it again; if that does not help, export it again as JPEG."),
    (Exception, "cannot be decoded.", "Export it again as JPEG."),
)
"""What decoders raise, from the specific to the general, and how it is told to people."""

_TURNS: Final = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation -> PIL.Image.Transpose that makes the picture upright."""

_SAME_COLOUR: Final = 2
"""Levels of 255 by which the many versions of the sRGB profile differ from each other."""


def prepare_photo(source: Path, working: Path, preview: Path) -> "Reading":
    """Check and decode one file; write its working copy and its preview.

    Both are upright 8-bit sRGB JPEGs without EXIF, ICC, XMP or comments, and never larger than the picture itself.
    Same bytes in, same bytes out (for one version of the decoders).

    Args:
        source: the uploaded file, of any name.
        working: what the renderer reads; long side at most `WORKING_SIDE` pixels. A JPEG that already is what is
            wanted is copied without generation loss.
        preview: what analysis, thumbnails and contact sheets read; long side at most `PREVIEW_SIDE` pixels.

    Raises:
        BadPhoto: the file cannot be used; its reason reads on after the file's name.
        StoreError: a copy cannot be written.
    """
    from property_video.core.photo import Reading

    return Reading(**reading_fields(source, working, preview))


def reading_fields(source: Path, working: Path, preview: Path) -> dict[str, Any]:
    """`prepare_photo` for processes that do not load the records' library (0.3 s CPU): the fields of the `Reading`."""
    with _troubles_told(), open(source, "rb", opener=_without_waiting) as file:
        file_bytes = _checked_bytes(file)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        image = _header(file)
        width, height = image.size
        camera = _camera_facts(image)
        transform, colour_notes = _transform_to_srgb(image)
        frame_notes = _frame_notes(image)
        stripped = _stripped(file, image) if camera.orientation == 1 and transform is None else None
        picture, alpha_notes = _opaque(_decoded(image, PREVIEW_SIDE if stripped else WORKING_SIDE))
        picture = _upright(_in_srgb(_at_most(picture, WORKING_SIDE), transform), camera.orientation)

    with written_whole(working) as partial:
        if stripped:
            partial.write_bytes(stripped)
        else:
            _save(picture, partial, WORKING_QUALITY)
    with written_whole(preview) as partial:
        _save(_at_most(picture, PREVIEW_SIDE), partial, PREVIEW_QUALITY)

    upright = (height, width) if camera.orientation >= 5 else (width, height)
    size_notes = size_warnings(*_fitted(upright, WORKING_SIDE))
    return {
        "sha256": sha256,
        "file_bytes": file_bytes,
        "format": "JPEG" if image.format == "MPO" else image.format,
        "width": upright[0],
        "height": upright[1],
        "taken": camera.taken,
        "warnings": (*size_notes, *camera.notes, *colour_notes, *frame_notes, *alpha_notes),
    }


@contextmanager
def _troubles_told() -> Iterator[None]:
    """Turn whatever a decoder raises into `BadPhoto`, and let its warnings pass: one file never stops a listing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PropertyVideoError:
        raise
    except Exception as error:
        reason, remedy = next((reason, remedy) for kind, reason, remedy in _TROUBLES if isinstance(error, kind))
        raise BadPhoto(reason, remedy) from error


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe must not wait for somebody to write into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _checked_bytes(file: IO[bytes]) -> int:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise BadPhoto("is not a regular file.", "Upload a copy of the photo itself.")
    if status.st_size == 0:
        raise BadPhoto("is empty.", "Upload it again.")
    if status.st_size > LARGEST_FILE:
        raise BadPhoto(
            f"has {status.st_size / 1e6:.0f} MB; at most {LARGEST_FILE / 1e6:.0f} MB are read.", SMALLER_EXPORT
        )
    return status.st_size


def _header(file: IO[bytes]) -> "Image.Image":
    """The picture, not yet decoded, after its kind and size were found acceptable."""
    from PIL import Image

    file.seek(0)
    kind = kind_of(file.read(HEAD_BYTES))
    check_kind(kind)
    _load_plugin(kind)
    try:
        image = Image.open(file, formats=(kind,))
    except Image.DecompressionBombError as error:
        raise BadPhoto("has more pixels than any photo that is read.", SMALLER_EXPORT) from error
    check_size(kind, *image.size)
    return image


def _load_plugin(kind: str) -> None:
    """Register the decoder of one kind; asking Pillow for an unregistered one makes it load all of its plugins."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    elif kind == "WEBP":
        from PIL import WebPImagePlugin  # noqa: F401
    elif kind == "AVIF":
        from PIL import AvifImagePlugin

        # One thread per core would take gigabytes of addresses on a big machine.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 2


class _Camera(NamedTuple):
    orientation: int = 1
    taken: str = ""
    notes: tuple[str, ...] = ()


def _camera_facts(image: "Image.Image") -> _Camera:
    """What EXIF says that matters here."""
    orientation = _exif(image, 0x0112)
    taken = _exif(image, 0x9003, within=0x8769)
    pale = _exif(image, 1, within=0xA005) == "R03" and "icc_profile" not in image.info
    return _Camera(
        orientation=orientation if orientation in _TURNS else 1,
        taken=taken.strip(" \0")[:19] if isinstance(taken, str) and taken.isascii() else "",
        notes=("Taken in Adobe RGB, but without a colour profile: may look pale. Export it as sRGB.",) if pale else (),
    )


def _exif(image: "Image.Image", tag: int, within: int | None = None) -> Any:
    """One value of EXIF or of a directory within it; None when it is absent or damaged."""
    try:
        exif = image.getexif()
        return exif.get(tag) if within is None else exif.get_ifd(within).get(tag)
    except Exception:  # the parser of this nested binary format fails in many ways
        return None


def _transform_to_srgb(image: "Image.Image") -> "tuple[ImageCms.ImageCmsTransform | None, tuple[str, ...]]":
    """The conversion that the embedded profile asks for; None when there is nothing to convert."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    mode = _flat_mode(image.mode)
    if not profile:
        return None, (("CMYK without a colour profile: its colours are a guess.",) if mode == "CMYK" else ())
    try:
        return _transform(profile, mode), ()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, ("Its colour profile is damaged or does not fit the picture, and was ignored.",)


def _transform(icc: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    """Build the transform to sRGB; None when it changes nothing visible, as between the many versions of sRGB."""
    from PIL import Image, ImageChops, ImageCms

    profile = ImageCms.ImageCmsProfile(BytesIO(icc))
    if mode == "L" and profile.profile.xcolor_space.strip() == "RGB":
        mode = "RGB"
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode != "RGB":
        return transform
    steps = range(0, 256, 51)
    cube = Image.frombytes(
        "RGB", (36, 6), bytes(level for r in steps for g in steps for b in steps for level in (r, g, b))
    )
    converted = ImageCms.applyTransform(cube, transform)
    assert converted is not None
    largest_change = max(ImageChops.difference(cube, converted).tobytes())
    return transform if largest_change > _SAME_COLOUR else None


def _flat_mode(mode: str) -> str:
    """The mode of a picture after `_opaque`."""
    if mode == "CMYK":
        return "CMYK"
    return "L" if mode in ("1", "L", "LA", "I", "F") or mode.startswith("I;16") else "RGB"


def _frame_notes(image: "Image.Image") -> tuple[str, ...]:
    animated = image.format in ("PNG", "WEBP", "AVIF") and getattr(image, "is_animated", False)
    return ("Animated: only its first frame is used.",) if animated else ()


def _stripped(file: IO[bytes], image: "Image.Image") -> bytes | None:
    """The file without its metadata, if that already is a working copy; None when it must be encoded anew."""
    if image.format not in ("JPEG", "MPO") or image.mode != "RGB" or max(image.size) > WORKING_SIDE:
        return None
    component_ids = bytes(layer[0] for layer in image.layer)  # type: ignore[attr-defined]
    if image.info.get("adobe_transform", 1) != 1 or component_ids == b"RGB":
        return None  # stored as RGB, which the Adobe segment or the components' names say
    file.seek(0)
    try:
        return without_metadata(file.read())
    except ValueError:
        return None


def _decoded(image: "Image.Image", side: int) -> "Image.Image":
    """Decode the first frame, a JPEG at an eighth to a half of its size where that still gives `side` pixels."""
    if image.format in ("JPEG", "MPO"):
        width, height = image.size
        if image.info.get("progressive") and width * height > _HUGE_PROGRESSIVE:
            side = _SMALLEST_WORKING_SIDE
        image.draft(None, _fitted(image.size, side))
    image.load()
    return image


def _opaque(image: "Image.Image") -> "tuple[Image.Image, tuple[str, ...]]":
    """The picture in mode L, RGB or CMYK, 8 bits; transparent parts become white."""
    from PIL import Image

    mode = _flat_mode(image.mode)
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        return image.point(lambda level: level * (1 / 257) + 0.5).convert("L"), ()
    if not image.has_transparency_data:
        return _in_mode(image, mode), ()
    layered = image.convert("LA" if mode == "L" else "RGBA")
    alpha = layered.getchannel("A")
    flat = Image.new(mode, image.size, "white")
    flat.paste(layered.convert(mode), mask=alpha)
    see_through = alpha.histogram()[255] < image.width * image.height
    return flat, (("Transparent parts are shown white.",) if see_through else ())


def _in_mode(picture: "Image.Image", mode: str) -> "Image.Image":
    """The picture itself if it already has that mode, where `convert` would copy it."""
    return picture if picture.mode == mode else picture.convert(mode)


def _in_srgb(picture: "Image.Image", transform: "ImageCms.ImageCmsTransform | None") -> "Image.Image":
    from PIL import ImageCms

    if transform is None:
        return _in_mode(picture, "RGB")
    converted = ImageCms.applyTransform(_in_mode(picture, transform.input_mode), transform)
    assert converted is not None
    return converted


def _upright(picture: "Image.Image", orientation: int) -> "Image.Image":
    from PIL import Image

    return picture.transpose(Image.Transpose(_TURNS[orientation])) if orientation in _TURNS else picture


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """`size` scaled down so that its long side is at most `side`; never up."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _at_most(picture: "Image.Image", side: int) -> "Image.Image":
    from PIL import Image

    if max(picture.size) <= side:
        return picture
    return picture.resize(_fitted(picture.size, side), Image.Resampling.LANCZOS)


def _save(picture: "Image.Image", out: Path, quality: int) -> None:
    """Write a 4:4:4 JPEG with no segment but what decoding needs; Pillow would carry a comment over from `info`."""
    picture.info = {}
    picture.save(out, "JPEG", quality=quality, subsampling=0)
