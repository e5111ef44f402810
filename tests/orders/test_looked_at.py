"""Ends of a hosted clip that stray from their photos: what photo analysis makes of them."""

from pathlib import Path

from PIL import Image

from property_video.core.conformed import Conformed, ForeignClip
from property_video.core.foreign import OTHER_ROOM
from property_video.orders.making import _looked_at
from property_video.settings import PACKAGE

KITCHEN, BEDROOM = (PACKAGE / "sample" / name for name in ("DSC_0109.jpg", "DSC_0113.jpg"))

SOURCE = ForeignClip(
    codec="h264",
    width=1280,
    height=720,
    rotation=0,
    frames=96,
    promised=96,
    seconds=4.0,
    promised_seconds=4.0,
    uneven=False,
    matrix="bt709",
    full_range=False,
    transfer=1,
    sound=False,
    broken_frames=0,
    darkest_luma=90.0,
    detail=50.0,
    travel=20.0,
    longest_still=0.0,
)


def conformed(first: float | None, last: float | None) -> Conformed:
    return Conformed(source=SOURCE, speed=1.0, interpolated=0, reliable=1.0, ssim_first=first, ssim_last=last)


def save(photo: Path, folder: Path, name: str, *, share: float = 1.0) -> None:
    """The middle of a photo, of the shape of a film."""
    with Image.open(photo) as image:
        width, height = image.width * share, image.width * share * 9 / 16
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (left, top, left + width, top + height)
        image.convert("RGB").resize((960, 540), box=box).save(folder / f"{name}.jpg")


def test_an_end_that_strays_within_its_room_is_near_and_one_of_another_room_is_not(tmp_path):
    save(KITCHEN, tmp_path, "begin")
    save(KITCHEN, tmp_path, "first", share=0.8)
    save(KITCHEN, tmp_path, "end")
    save(BEDROOM, tmp_path, "last")
    seen = _looked_at(conformed(0.5, 0.4), tmp_path)
    assert seen.apart_first is not None and seen.apart_first < OTHER_ROOM / 2
    assert seen.apart_last is not None and seen.apart_last > OTHER_ROOM


def test_ends_that_are_near_their_photos_are_not_looked_at(tmp_path):
    assert _looked_at(conformed(0.93, None), tmp_path) == conformed(0.93, None)
