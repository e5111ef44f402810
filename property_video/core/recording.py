"""A client's own track: what may be given, and what is said of it.

Not here: decoding (media/recordings.py), beats (beats.py), and which part of it a film plays (fit.py).
"""

from pathlib import PurePath
from typing import Final

from property_video.core.errors import BadInput
from property_video.core.outputs import MediaRef
from property_video.core.records import Record

SOUND_SUFFIXES: Final = frozenset(["mp3", "m4a", "aac", "flac", "ogg", "oga", "opus", "wav", "aif", "aiff", "wma"])
"""How names of sound files end, without the dot."""

SHORTEST_RECORDING_S: Final = 4.0
"""Two bars at 120 BPM: less than that, looped, is a ringtone."""

LONGEST_RECORDING_S: Final = 15 * 60.0
"""Songs end before that; longer files are concerts and mixes, whose part should be chosen by a person."""

LARGEST_RECORDING: Final = 400_000_000
"""Bytes: 15 minutes of 24-bit stereo at 96 kHz are 520 MB, at 48 kHz 260."""

SILENT_DBFS: Final = -60.0
"""RMS level that the loudest 400 ms must exceed."""


class Recording(Record):
    """A client's track in the store: the name of its file, the file itself, its length in seconds."""

    name: str
    media: MediaRef
    seconds: float


def is_sound_name(name: str) -> bool:
    """Whether a file's name ends like a sound file's."""
    return PurePath(name).suffix[1:].lower() in SOUND_SUFFIXES


def checked_file_name(name: str) -> str:
    """The name, if it can only be that of a sound file beside the brief.

    Raises:
        ValueError: it names a folder, is hidden, or does not end like a sound file's name.
    """
    if "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"{name!r} must be the bare name of a file beside the brief; put the file there")
    if not is_sound_name(name):
        raise ValueError(
            f"{name!r} is not the name of a sound file; export it as one of {', '.join(sorted(SOUND_SUFFIXES))}"
        )
    return name


def check_recording(name: str, seconds: float, loudest_dbfs: float) -> None:
    """Refuse what cannot be a film's track. `loudest_dbfs` is the RMS level of its loudest 400 ms.

    Raises:
        BadInput: it is too short, too long or silent.
    """
    if seconds < SHORTEST_RECORDING_S:
        raise BadInput(
            f"music.file: {name} lasts {seconds:.1f} s; at least {SHORTEST_RECORDING_S:g} s can be looped.",
            "Give a longer recording, or leave music.file out and name a mood.",
        )
    if seconds > LONGEST_RECORDING_S:
        raise BadInput(
            f"music.file: {name} is longer than {LONGEST_RECORDING_S / 60:g} minutes.",
            "Cut out the part that the film should play.",
        )
    if loudest_dbfs <= SILENT_DBFS:
        raise BadInput(f"music.file: {name} is silent.", "Export it again; one that can be heard.")
