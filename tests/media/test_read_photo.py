"""Reading one file: every kind that is read, every kind that is refused, and what may never reach a copy."""

import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps

from property_video.core import picture
from property_video.core.errors import BadPhoto, StoreError
from property_video.core.photo import Reading
from property_video.media.jpeg_segments import without_metadata
from property_video.media.read_photo import PREVIEW_SIDE, WORKING_SIDE, prepare_photo

RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 180, 60), (40, 60, 200), (210, 210, 210)
SERIAL = "SN-7741098852"


def quarters(width: int = 1000, height: int = 760, corners: tuple = (RED, GREEN, BLUE, GREY)) -> Image.Image:
    """A picture whose corners (top left, top right, bottom left, bottom right) tell how it is turned."""
    small = Image.new("RGB", (2, 2))
    small.putdata(corners)
    return small.resize((width, height), Image.Resampling.NEAREST)


def textured(width: int = 1000, height: int = 760, seed: int = 1) -> Image.Image:
    """A picture that compresses like a photo."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


class Copies:
    def __init__(self, reading: Reading, working: Path, preview: Path) -> None:
        self.reading = reading
        self.paths = (working, preview)
        with Image.open(working) as opened:
            self.working = opened.copy()
        with Image.open(preview) as opened:
            self.preview = opened.copy()


@pytest.fixture
def read(tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()

    def read_one(source: Path) -> Copies:
        working, preview = out / "working.jpg", out / "preview.jpg"
        reading = prepare_photo(source, working, preview)
        assert {path.name for path in out.iterdir()} == {"working.jpg", "preview.jpg"}
        return Copies(reading, working, preview)

    return read_one


def refusal(source: Path, tmp_path: Path) -> BadPhoto:
    with pytest.raises(BadPhoto) as caught:
        prepare_photo(source, tmp_path / "w.jpg", tmp_path / "p.jpg")
    assert caught.value.reason.endswith(".")
    assert caught.value.remedy.endswith(".")
    assert not (tmp_path / "w.jpg").exists()
    assert not (tmp_path / "p.jpg").exists()
    return caught.value


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    width, height = image.size
    x, y = width // 8, height // 8
    return [image.getpixel(at) for at in ((x, y), (width - x, y), (x, height - y), (width - x, height - y))]


def assert_near(found: object, wanted: object, tolerance: float = 4) -> None:
    np.testing.assert_allclose(np.array(found, float), np.array(wanted, float), atol=tolerance)


def segments(jpeg: bytes) -> list[int]:
    """The markers of a JPEG up to its first scan."""
    found, at = [], 2
    while True:
        found.append(jpeg[at + 1])
        if jpeg[at + 1] == 0xDA:
            return found
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")


def matrix_profile(r: tuple, g: tuple, b: tuple, curve: bytes, space: bytes = b"RGB ") -> bytes:
    """A small ICC v2 profile (ICC.1:2001) from D50 colorants and one tone curve."""

    def xyz(values: tuple) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    text = b"a test profile\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)),
        (b"cprt", b"text\0\0\0\0" + text),
        (b"wtpt", xyz((0.9642, 1.0, 0.8249))),
    ]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [(b"rXYZ", xyz(r)), (b"gXYZ", xyz(g)), (b"bXYZ", xyz(b))]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return header.ljust(128, b"\0") + table + body


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


SRGB_CURVE = b"para\0\0\0\0" + struct.pack(
    ">HH5i", 3, 0, *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
DISPLAY_P3 = matrix_profile(
    (0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407), SRGB_CURVE
)
ADOBE_RGB = matrix_profile(
    (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), gamma(2.19921875)
)
GREY_LINEAR = matrix_profile((), (), (), gamma(1.0), b"GRAY")


def private_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "HELIA"
    exif.get_ifd(0x8769).update({0x9003: "2025:06:14 12:23:48", 0xA431: SERIAL})
    exif.get_ifd(0x8825).update({1: "N", 2: (41.0, 23.0, 7.5), 3: "E", 4: (2.0, 10.0, 25.1)})
    return exif


# What is read


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("a.jpg", "JPEG", {"quality": 92}),
        ("a.jpg", "JPEG", {"quality": 92, "progressive": True}),
        ("a.jpg", "JPEG", {"quality": 92, "keep_rgb": True}),
        ("a.png", "PNG", {}),
        ("a.webp", "WEBP", {"quality": 90}),
        ("a.webp", "WEBP", {"lossless": True}),
        ("a.avif", "AVIF", {"quality": 90}),
    ],
)
def test_every_kind_of_picture_keeps_its_colours_and_size(tmp_path, read, name, kind, options):
    copies = read(saved(tmp_path / name, quarters(), **options))
    assert (copies.reading.format, copies.reading.width, copies.reading.height) == (kind, 1000, 760)
    assert copies.reading.file_bytes == (tmp_path / name).stat().st_size
    assert copies.working.size == (1000, 760)
    assert copies.working.mode == copies.preview.mode == "RGB"
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY), 6)
    assert_near(corners(copies.preview), (RED, GREEN, BLUE, GREY), 6)


@pytest.mark.parametrize("name", ["a.heic", "a.heif"])
def test_a_heic_is_read(tmp_path, read, name):
    pillow_heif.from_pillow(quarters()).save(tmp_path / name, quality=90)
    copies = read(tmp_path / name)
    assert copies.reading.format == "HEIF"
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY), 8)


def test_an_mpo_gives_its_first_picture_and_drops_the_others(tmp_path, read):
    other = quarters(corners=(GREY, GREY, GREY, GREY))
    source = saved(tmp_path / "a.mpo", quarters(), format="MPO", save_all=True, append_images=[other], quality=92)
    with Image.open(source) as opened:
        assert opened.format == "MPO"
    copies = read(source)
    assert copies.reading.format == "JPEG"
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY))
    assert copies.paths[0].stat().st_size < 0.7 * source.stat().st_size


@pytest.mark.parametrize(
    ("orientation", "order"),
    [(1, "abcd"), (2, "badc"), (3, "dcba"), (4, "cdab"), (5, "acbd"), (6, "cadb"), (7, "dbca"), (8, "bdac")],
)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_every_exif_orientation_ends_upright(tmp_path, read, name, orientation, order):
    stored = dict(zip("abcd", (RED, GREEN, BLUE, GREY), strict=True))
    source = saved(tmp_path / name, quarters(), exif=private_exif(orientation), quality=90)
    copies = read(source)
    assert_near(corners(copies.working), [stored[letter] for letter in order], 6)
    assert_near(corners(copies.preview), [stored[letter] for letter in order], 6)
    assert (copies.reading.width, copies.reading.height) == ((1000, 760) if orientation < 5 else (760, 1000))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_heic_ends_upright(tmp_path, read, orientation):
    pillow_heif.register_heif_opener()
    exif = private_exif(orientation)
    source = saved(tmp_path / "a.heic", quarters(), exif=exif.tobytes(), quality=90)  # bytes are stored as `irot`
    wanted = ImageOps.exif_transpose(saved_and_opened(tmp_path / "same.jpg", quarters(), exif))
    copies = read(source)
    assert copies.working.size == wanted.size == (copies.reading.width, copies.reading.height)
    assert_near(corners(copies.working), corners(wanted), 8)


def saved_and_opened(path: Path, image: Image.Image, exif: Image.Exif) -> Image.Image:
    return Image.open(saved(path, image, exif=exif, quality=92))


@pytest.mark.parametrize(
    ("profile", "wanted"), [(DISPLAY_P3, (215, 93, 97)), (ADOBE_RGB, (227, 100, 100))], ids=["Display P3", "Adobe RGB"]
)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_colours_are_converted_from_the_embedded_profile(tmp_path, read, name, profile, wanted):
    image = Image.new("RGB", (800, 750), (200, 100, 100))
    copies = read(saved(tmp_path / name, image, icc_profile=profile, quality=95))
    assert_near(copies.working.getpixel((400, 400)), wanted, 3)
    assert_near(copies.preview.getpixel((400, 400)), wanted, 3)
    assert "icc_profile" not in copies.working.info


def test_a_heic_in_display_p3_is_converted(tmp_path, read):
    image = Image.new("RGB", (800, 750), (200, 100, 100))
    image.info["icc_profile"] = DISPLAY_P3
    pillow_heif.from_pillow(image).save(tmp_path / "a.heic", quality=95)
    assert_near(read(tmp_path / "a.heic").working.getpixel((400, 400)), (215, 93, 97), 4)


def test_an_srgb_profile_changes_nothing_and_is_dropped(tmp_path, read):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(tmp_path / "a.jpg", textured(), icc_profile=profile, quality=90)
    copies = read(source)
    assert np.array_equal(np.asarray(copies.working), np.asarray(Image.open(source)))
    assert copies.reading.warnings == read(saved(tmp_path / "b.jpg", textured(), quality=90)).reading.warnings


@pytest.mark.parametrize("profile", [b"not a profile", DISPLAY_P3[:200], GREY_LINEAR])
def test_a_profile_that_is_damaged_or_of_another_kind_is_ignored_with_a_warning(tmp_path, read, profile):
    copies = read(saved(tmp_path / "a.jpg", quarters(), icc_profile=profile, quality=92))
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY))
    assert any("profile" in warning for warning in copies.reading.warnings)


def test_a_grey_profile_is_obeyed(tmp_path, read):
    copies = read(saved(tmp_path / "a.png", Image.new("L", (800, 750), 55), icc_profile=GREY_LINEAR))
    assert_near(copies.working.getpixel((400, 400)), [128, 128, 128], 3)  # 55/255 of the light is sRGB level 128


def test_a_grey_picture_with_an_rgb_profile_is_read(tmp_path, read):
    copies = read(saved(tmp_path / "a.jpg", Image.new("L", (800, 750), 90), icc_profile=ADOBE_RGB))
    assert_near(copies.working.getpixel((400, 400)), [90, 90, 90], 3)
    assert not any("profile" in warning for warning in copies.reading.warnings)


def test_adobe_rgb_that_only_exif_tells_of_gets_a_warning(tmp_path, read):
    exif = private_exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    copies = read(saved(tmp_path / "a.jpg", quarters(), exif=exif, quality=92))
    assert any("Adobe RGB" in warning for warning in copies.reading.warnings)


def test_cmyk_is_read_with_a_warning(tmp_path, read):
    copies = read(saved(tmp_path / "a.jpg", quarters().convert("CMYK"), quality=95))
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY), 8)
    assert any("CMYK" in warning for warning in copies.reading.warnings)


def test_sixteen_bit_grey_keeps_its_tones(tmp_path, read):
    ramp = np.tile(np.linspace(0, 65535, 1000).astype(np.uint16), (750, 1))
    copies = read(saved(tmp_path / "a.png", Image.fromarray(ramp)))
    line = np.asarray(copies.working)[400, :, 0].astype(float)
    assert np.abs(line - np.linspace(0, 255, 1000)).max() < 3


def test_sixteen_bit_rgb_keeps_its_tones(tmp_path, read):
    row = b"\0" + np.tile(np.array([65535, 32768, 4112], ">u2"), 800).tobytes()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 800, 750, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 750)),
        (b"IEND", b""),
    ]
    (tmp_path / "a.png").write_bytes(png(chunks))
    assert_near(read(tmp_path / "a.png").working.getpixel((400, 400)), (255, 128, 16), 2)


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_greyscale_bitmap_and_palette_become_rgb(tmp_path, read, mode):
    copies = read(saved(tmp_path / "a.png", Image.new("L", (800, 750), 255).convert(mode)))
    assert copies.working.mode == "RGB"
    assert_near(copies.working.getpixel((400, 400)), (255, 255, 255), 1)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif"])
def test_transparent_parts_become_white_with_a_warning(tmp_path, read, name):
    image = quarters().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 500, 380))
    copies = read(saved(tmp_path / name, image, quality=95))
    assert_near(corners(copies.working), ((255, 255, 255), GREEN, BLUE, GREY), 6)
    assert any("ransparent" in warning for warning in copies.reading.warnings)


def test_a_palette_with_transparency_becomes_white_there(tmp_path, read):
    image = quarters().quantize(4)
    image.info["transparency"] = image.getpixel((1, 1))
    copies = read(saved(tmp_path / "a.png", image))
    assert_near(corners(copies.working), ((255, 255, 255), GREEN, BLUE, GREY), 6)


def test_an_opaque_alpha_channel_says_nothing(tmp_path, read):
    copies = read(saved(tmp_path / "a.png", quarters(1800, 1200).convert("RGBA")))
    assert copies.reading.warnings == ()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif"])
def test_of_an_animation_the_first_frame_is_used_with_a_warning(tmp_path, read, name):
    second = quarters(corners=(BLUE, BLUE, BLUE, BLUE))
    copies = read(saved(tmp_path / name, quarters(), save_all=True, append_images=[second], duration=100, quality=95))
    assert_near(corners(copies.working), (RED, GREEN, BLUE, GREY), 6)
    assert any("first frame" in warning for warning in copies.reading.warnings)


def test_a_png_named_jpg_is_read(tmp_path, read):
    assert read(saved(tmp_path / "a.jpg", quarters(), format="PNG")).reading.format == "PNG"


@pytest.mark.parametrize(
    "name",
    [
        "with space.jpg",
        "Küche 厨房 🏠.jpg",
        "new\nline.jpg",
        "-rf.jpg",
        "x" * 251 + ".jpg",
        "no extension",
        "%d{}$'\".jpg",
    ],
)
def test_any_odd_name_is_read(tmp_path, read, name):
    assert read(saved(tmp_path / name, quarters(), format="JPEG")).reading.width == 1000


# What the copies are


def test_the_reading_depends_on_the_bytes_and_not_on_the_name(tmp_path, read):
    first = read(saved(tmp_path / "a.jpg", textured(), quality=90, exif=private_exif()))
    bytes_of_first = [path.read_bytes() for path in first.paths]
    (tmp_path / "other.png").write_bytes((tmp_path / "a.jpg").read_bytes())
    second = read(tmp_path / "other.png")
    assert first.reading == second.reading
    assert first.reading.taken == "2025:06:14 12:23:48"
    assert bytes_of_first == [path.read_bytes() for path in second.paths]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_positions_and_serials_never_reach_a_copy(tmp_path, read, name, orientation):
    options = {"exif": private_exif(orientation), "xmp": f"<x>{SERIAL}</x>".encode(), "quality": 90}
    if name == "a.jpg":
        options["comment"] = SERIAL
    source = saved(tmp_path / name, textured(), **options)
    assert SERIAL.encode() in source.read_bytes()
    for path in read(source).paths:
        content = path.read_bytes()
        assert set(segments(content)) <= {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDD, 0xDA}
        assert SERIAL.encode() not in content
        assert b"Exif" not in content
        assert content.endswith(b"\xff\xd9")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_is_right_already_is_copied_without_loss(tmp_path, read, options):
    source = saved(tmp_path / "a.jpg", textured(), quality=80, exif=private_exif(), comment="x", **options)
    copies = read(source)
    assert np.array_equal(np.asarray(copies.working), np.asarray(Image.open(source)))
    assert copies.paths[0].stat().st_size < source.stat().st_size


def test_what_follows_the_end_of_a_jpeg_is_dropped(tmp_path, read):
    source = saved(tmp_path / "a.jpg", textured(), quality=80)
    plain = read(source).paths[0].read_bytes()
    source.write_bytes(source.read_bytes() + b"MotionPhoto_Data" + SERIAL.encode())
    assert read(source).paths[0].read_bytes() == plain


def test_stripping_refuses_what_it_does_not_understand(tmp_path):
    whole = saved(tmp_path / "a.jpg", textured(), quality=80).read_bytes()
    for broken in (b"", whole[:2], whole[:300], whole[:-2], whole[1:], whole.replace(b"\xff\xc0", b"\xff\xc9", 1)):
        with pytest.raises(ValueError, match=r"image|file|marker"):
            without_metadata(broken)


def test_a_large_picture_is_made_smaller_and_a_small_one_is_never_enlarged(tmp_path, read):
    large = read(saved(tmp_path / "large.png", Image.new("RGB", (4000, 3001), RED)))
    assert (large.reading.width, large.reading.height) == (4000, 3001)
    assert large.working.size == (WORKING_SIDE, 2305)
    assert large.preview.size == (PREVIEW_SIDE, 768)
    small = read(saved(tmp_path / "small.png", Image.new("RGB", (500, 400), RED)))
    assert small.working.size == small.preview.size == (500, 400)


def test_a_large_jpeg_is_as_sharp_as_its_full_decoding(tmp_path, read):
    source = saved(tmp_path / "a.jpg", textured(6400, 4200), quality=92)
    with Image.open(source) as opened:
        wanted = opened.resize((WORKING_SIDE, 2016), Image.Resampling.LANCZOS)
    found = read(source).working
    assert found.size == wanted.size
    error = np.abs(np.asarray(found, float) - np.asarray(wanted, float))
    assert error.mean() < 1.5


# Warnings and refusals


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((1920, 1280), ""),
        ((1690, 1130), ""),
        ((1680, 1130), "enlarged"),
        ((1200, 1800), "enlarged"),
        ((1000, 719), "Small"),
    ],
)
def test_small_pictures_are_used_with_a_warning(tmp_path, read, size, words):
    warnings = " ".join(read(saved(tmp_path / "a.png", Image.new("RGB", size, RED))).reading.warnings)
    assert words in warnings
    assert bool(warnings) == bool(words)


def test_a_panorama_is_judged_by_its_working_copy(tmp_path, read):
    copies = read(saved(tmp_path / "a.jpg", Image.new("RGB", (8000, 1100), RED)))
    assert copies.working.size == (3072, 422)
    assert "Small" in copies.reading.warnings[0]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((359, 2000), "short side"),
        ((100, 100), "short side"),
        ((1, 20000), "narrower"),
        ((20000, 1), "narrower"),
        ((4000, 400), "narrower"),
    ],
)
def test_tiny_and_absurdly_narrow_pictures_are_refused(tmp_path, size, words):
    source = saved(tmp_path / "a.png", Image.new("RGB", size, RED))
    assert words in refusal(source, tmp_path).reason


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert "empty" in refusal(tmp_path / "a.jpg", tmp_path).reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just some text, no picture", "not a picture"),
        (b"\0" * 4096, "not a picture"),
        (b"<html><body>404</body></html>", "not a picture"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1" + bytes(20), "Photoshop"),
        (b"PK\x03\x04" + bytes(30), "ZIP"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0qt  ", "video"),
    ],
)
def test_what_is_not_a_picture_is_refused_whatever_its_name(tmp_path, content, words):
    (tmp_path / "a.jpg").write_bytes(content)
    assert words in refusal(tmp_path / "a.jpg", tmp_path).reason


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP", "JPEG2000", "ICO", "PPM"])
def test_pictures_of_other_kinds_are_refused_without_being_decoded(tmp_path, kind):
    source = saved(tmp_path / "a.jpg", quarters(400, 400), format=kind)
    refused = refusal(source, tmp_path)
    if kind not in ("ICO", "PPM"):
        assert refused.remedy == "Export it as JPEG and upload that."


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    image = textured(700, 500)
    files = {
        "baseline.jpg": saved(folder / "b.jpg", image, quality=90),
        "progressive.jpg": saved(folder / "p.jpg", image, quality=90, progressive=True),
        "turned.jpg": saved(folder / "t.jpg", image, quality=90, exif=private_exif(6)),
        "a.png": saved(folder / "a.png", image),
        "a.webp": saved(folder / "a.webp", image),
        "a.avif": saved(folder / "a.avif", image),
    }
    pillow_heif.from_pillow(image).save(folder / "a.heic", quality=80)
    return {name: path.read_bytes() for name, path in (files | {"a.heic": folder / "a.heic"}).items()}


KINDS = ["baseline.jpg", "progressive.jpg", "turned.jpg", "a.png", "a.webp", "a.avif", "a.heic"]


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_refused_with_a_remedy(tmp_path, whole_files, kind, share):
    whole = whole_files[kind]
    source = tmp_path / kind
    source.write_bytes(whole[: max(1, int(len(whole) * share))])
    refusal(source, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(tmp_path, whole_files, kind):
    dice = random.Random(kind)
    for _ in range(12):
        content = bytearray(whole_files[kind])
        for _ in range(dice.choice([1, 5, 50])):
            content[dice.randrange(len(content))] = dice.randrange(256)
        (tmp_path / kind).write_bytes(content)
        try:
            prepare_photo(tmp_path / kind, tmp_path / "w.jpg", tmp_path / "p.jpg")
        except BadPhoto as refused:
            assert refused.reason and refused.remedy
        else:
            with Image.open(tmp_path / "w.jpg") as working, Image.open(tmp_path / "p.jpg") as preview:
                assert (working.size, preview.size) == ((700, 500), (700, 500)) or kind == "turned.jpg"


def test_bombs_are_refused_by_their_header(tmp_path):
    bomb = png([(b"IHDR", struct.pack(">IIBBBBB", 12000, 12000, 8, 2, 0, 0, 0)), (b"IDAT", b"x"), (b"IEND", b"")])
    (tmp_path / "a.png").write_bytes(bomb)
    assert "megapixels" in refusal(tmp_path / "a.png", tmp_path).reason
    monster = png([(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)), (b"IDAT", b"x"), (b"IEND", b"")])
    (tmp_path / "b.png").write_bytes(monster)
    assert "pixels" in refusal(tmp_path / "b.png", tmp_path).reason


def test_a_jpeg_that_claims_to_be_huge_is_refused_by_its_header(tmp_path):
    content = bytearray(saved(tmp_path / "a.jpg", quarters(), quality=90).read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 11000, 13000)
    (tmp_path / "a.jpg").write_bytes(content)
    assert "120 megapixels" in refusal(tmp_path / "a.jpg", tmp_path).reason


def test_a_text_bomb_in_a_png_is_refused(tmp_path):
    bomb = zlib.compress(bytes(100_000_000))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 800, 800, 8, 2, 0, 0, 0)),
        (b"zTXt", b"Comment\0\0" + bomb),
        (b"IDAT", zlib.compress(bytes(2401 * 800))),
        (b"IEND", b""),
    ]
    (tmp_path / "a.png").write_bytes(png(chunks))
    refusal(tmp_path / "a.png", tmp_path)


def test_a_file_that_is_too_heavy_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(picture.LARGEST_FILE + 1)
    assert "MB" in refusal(tmp_path / "a.jpg", tmp_path).reason


def test_folders_missing_files_and_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "regular" in refusal(tmp_path / "pipe.jpg", tmp_path).reason
    assert "not there" in refusal(tmp_path / "missing.jpg", tmp_path).reason
    refusal(tmp_path, tmp_path)


def test_damaged_exif_does_not_refuse_a_photo(tmp_path, read):
    exif = private_exif(6).tobytes()
    source = saved(tmp_path / "a.jpg", quarters(), quality=92, exif=exif[:40] + b"\xff" * (len(exif) - 40))
    assert read(source).reading.format == "JPEG"


def test_a_copy_that_cannot_be_written_is_no_fault_of_the_photo(tmp_path):
    source = saved(tmp_path / "a.jpg", quarters(), quality=92)
    with pytest.raises(StoreError):
        prepare_photo(source, tmp_path / "missing" / "w.jpg", tmp_path / "p.jpg")


def test_the_sources_are_never_changed(tmp_path, read):
    source = saved(tmp_path / "a.jpg", quarters(), quality=92, exif=private_exif(6))
    before = source.read_bytes()
    read(source)
    assert source.read_bytes() == before
