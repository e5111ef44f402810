"""JPEG files as marker segments: dropping what is not picture, without decoding.

Not here: decoding and encoding (read_photo.py).
"""

import re
from typing import Final

_SOI, _EOI, _SOS = b"\xff\xd8", 0xD9, 0xDA
_PICTURE: Final = {0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD}
"""SOF0-2 (baseline, extended, progressive), DHT, SOS, DQT, DRI (ITU-T T.81, table B.1)."""

_METADATA: Final = {*range(0xE0, 0xF0), 0xFE}
"""APP0-15 (JFIF, EXIF, ICC, XMP, IPTC, MPF, Adobe) and COM."""

_JFIF: Final = bytes.fromhex("ffe0 0010 4a46494600 0101 00 0001 0001 00 00")
"""The plainest JFIF header: it says that three components are YCbCr, and nothing about the camera."""

_AFTER_ENTROPY: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Entropy-coded data end at the first marker that is neither a stuffed zero nor a restart (T.81 B.1.1.5)."""


def without_metadata(jpeg: bytes) -> bytes:
    """The same picture, bit for bit, as a plain JFIF file: no APPn or comment segment, nothing after its end.

    Args:
        jpeg: a whole JPEG file of one grey or three YCbCr components.

    Raises:
        ValueError: the file has a structure other than baseline or progressive Huffman JPEG.
    """
    if jpeg[:2] != _SOI:
        raise ValueError("no start of image")
    kept = [_SOI, _JFIF]
    at = 2
    while True:
        marker, at = _marker(jpeg, at)
        if marker == _EOI:
            kept.append(bytes((0xFF, _EOI)))
            return b"".join(kept)
        end = at + int.from_bytes(jpeg[at : at + 2], "big")
        if end > len(jpeg) or end < at + 2:
            raise ValueError("a segment reaches beyond the file")
        if marker in _PICTURE:
            kept += [bytes((0xFF, marker)), jpeg[at:end]]
        elif marker not in _METADATA:
            raise ValueError(f"marker {marker:#x}")
        at = end
        if marker == _SOS:
            found = _AFTER_ENTROPY.search(jpeg, at)
            if found is None:
                raise ValueError("no end of image")
            kept.append(jpeg[at : found.start()])
            at = found.start()


def _marker(jpeg: bytes, at: int) -> tuple[int, int]:
    """The marker at `at`, after any fill bytes, and where what follows begins."""
    if jpeg[at : at + 1] != b"\xff":
        raise ValueError("no marker where one must be")
    while jpeg[at : at + 1] == b"\xff":
        at += 1
    if at >= len(jpeg):
        raise ValueError("no end of image")
    return jpeg[at], at + 1
