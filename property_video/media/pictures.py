"""Small pictures for people: thumbnails, contact sheets, and frames of a video as RGB.

Not here: reading uploaded photos (media/read_photo.py), posters and branded renditions.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.errors import BadOutput, BadPhoto
from property_video.media.canvas import RGB_TO_YUV, Plane
from property_video.media.resample import planes_of

if TYPE_CHECKING:
    import av
    from PIL import Image, ImageFont

Rgb = NDArray[np.uint8]

INLINE_BYTES: Final = 20_000
"""What a picture inside the UI's metadata may weigh, before base64."""

_YUV_TO_RGB: Final = np.linalg.inv(np.vstack([RGB_TO_YUV, [0, 0, 0, 1]]))[:3]


def thumbnail(picture: Path | Rgb, width: int, most: int = INLINE_BYTES) -> bytes:
    """A JPEG of `picture` (a file or (height, width, 3) RGB), `width` pixels wide and below `most` bytes.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    from PIL import Image

    image = _load(picture, width)
    height = max(1, round(image.height * width / image.width))
    return _light_jpeg(image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0), most)


def save_still(frame: "av.VideoFrame", out: Path) -> None:
    """A frame as a JPEG file of half its width and height; what contact sheets and strips are made of later."""
    from PIL import Image

    Image.fromarray(half_rgb(frame)).save(out, "JPEG", quality=88)


def strip(pictures: Sequence[Path | Rgb], width: int) -> bytes:
    """Pictures side by side, of one height, as one JPEG `width` pixels wide and below `INLINE_BYTES`."""
    from PIL import Image

    images = [_load(picture, width) for picture in pictures]
    gap = 4
    height = round((width - gap * (len(images) - 1)) / sum(image.width / image.height for image in images))
    row, left = Image.new("RGB", (width, height), "white"), 0
    for image in images:
        part = round(image.width * height / image.height)
        row.paste(image.resize((part, height), Image.Resampling.LANCZOS, reducing_gap=2.0), (left, 0))
        left += part + gap
    return _light_jpeg(row)


def contact_sheet(items: Sequence[tuple[Path | Rgb, str]], columns: int, out: Path, cell_width: int = 480) -> None:
    """Pictures with captions in a grid, written as JPEG; cells have the film's shape, photos stand inside them whole.

    Raises:
        BadPhoto: a file cannot be decoded.
    """
    from PIL import Image, ImageDraw, ImageFont

    gap, line = 12, 34
    cell_height = round(cell_width * 9 / 16)
    rows = -(-len(items) // columns)
    size = (gap + columns * (cell_width + gap), gap + rows * (cell_height + line + gap))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for number, (picture, caption) in enumerate(items):
        row, column = divmod(number, columns)
        left, top = gap + column * (cell_width + gap), gap + row * (cell_height + line + gap)
        image = _load(picture, cell_width)
        image.thumbnail((cell_width, cell_height), Image.Resampling.LANCZOS)
        pen.rectangle((left, top, left + cell_width - 1, top + cell_height - 1), fill="#eeeeee")
        sheet.paste(image, (left + (cell_width - image.width) // 2, top + (cell_height - image.height) // 2))
        pen.text((left, top + cell_height + 6), _fitting(caption, cell_width, font), fill="#333333", font=font)
    sheet.save(out, "JPEG", quality=85)


def frames_at(video: Path, numbers: Sequence[int]) -> list[Rgb]:
    """Frames of a video by number (0-based, in showing order), as (height, width, 3) RGB decoded as BT.709.

    Only the GOPs that hold the wanted frames are decoded.

    Raises:
        BadOutput: the file cannot be read or has no such frame.
    """
    import av

    found: dict[int, Rgb] = {}
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            rate, time_base = stream.average_rate, stream.time_base
            assert rate is not None and time_base is not None
            for number in sorted(set(numbers)):
                if number in found:
                    continue
                container.seek(round(number / rate / time_base), stream=stream)
                for frame in container.decode(stream):
                    shown = round((frame.pts or 0) * time_base * rate)
                    if shown in numbers:
                        found[shown] = rgb(frame)
                    if shown >= number:
                        break
    except (av.FFmpegError, IndexError) as error:
        raise BadOutput(f"{video} cannot be read: {error}.", "Make it again.") from error
    if missing := sorted(set(numbers) - found.keys()):
        raise BadOutput(f"{video} has no frame {missing[0]}.", "Make it again.")
    return [found[number] for number in numbers]


def rgb(frame: "av.VideoFrame") -> Rgb:
    """A limited-range BT.709 4:2:0 frame as (height, width, 3) RGB."""
    y, u, v = planes_of(frame.reformat(format="yuv420p"))
    # Chroma samples sit on even luma columns, between luma rows: half a luma pixel left of where a resize puts them.
    shift = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, -0.25]])
    return _as_rgb(y, u, v, shift)


def half_rgb(frame: "av.VideoFrame") -> Rgb:
    """The same at half the size, for a quarter of the work: chroma has that size, a quarter of a pixel to the left."""
    import cv2

    y, u, v = planes_of(frame.reformat(format="yuv420p"))
    small = cv2.resize(y, u.shape[::-1], interpolation=cv2.INTER_AREA)
    return _as_rgb(np.asarray(small, np.uint8), u, v, np.array([[1.0, 0.0, 0.25], [0.0, 1.0, 0.0]]))


def _as_rgb(y: Plane, u: Plane, v: Plane, shift: NDArray[np.float64]) -> Rgb:
    """RGB of a luma plane and two chroma planes that `shift` maps its pixels to."""
    import cv2

    size, flags = y.shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = [y, *(cv2.warpAffine(c, shift, size, flags=flags, borderMode=cv2.BORDER_REPLICATE) for c in (u, v))]
    return np.asarray(cv2.transform(cv2.merge(planes), _YUV_TO_RGB), np.uint8)


def _load(picture: Path | Rgb, width: int) -> "Image.Image":
    """An RGB image; JPEG files are decoded at the smallest scale that still has `width` pixels."""
    from PIL import Image

    if not isinstance(picture, Path):
        return Image.fromarray(picture)
    try:
        with Image.open(picture) as image:
            image.draft("RGB", (width, width))
            rgb_image: Image.Image = image.convert("RGB")
            return rgb_image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{picture} cannot be decoded: {error}.", "Export it again as JPEG.") from error


def _light_jpeg(image: "Image.Image", most: int = INLINE_BYTES) -> bytes:
    """The best JPEG below `most` bytes: quality first, then size gives way."""
    while True:
        for quality in (85, 75, 65, 55):
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() < most:
                return buffer.getvalue()
        image = image.resize((max(1, image.width * 4 // 5), max(1, image.height * 4 // 5)))


def _fitting(text: str, width: int, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont") -> str:
    """The text, cut with an ellipsis where it would leave its cell."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def small_sheet(pictures: Sequence[Path | Rgb], columns: int = 6, width: int = 720) -> bytes:
    """Pictures in a grid without captions, as one JPEG at most `width` pixels wide and below `INLINE_BYTES`."""
    from PIL import Image

    gap = 4
    cell = (width - gap * (columns - 1)) // columns
    height = round(cell * 9 / 16)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (width, rows * (height + gap) - gap), "white")
    for number, picture in enumerate(pictures):
        image = _load(picture, cell)
        image.thumbnail((cell, height), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        left, top = column * (cell + gap), row * (height + gap)
        sheet.paste(image, (left + (cell - image.width) // 2, top + (height - image.height) // 2))
    return _light_jpeg(sheet)
