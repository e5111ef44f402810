"""Chords: their notation, and how one moves to the next.

Here: parsing of chord symbols, voicings by nearest voice leading, scales.
Not here: which chords a mood plays (moods.py) and when (score.py). Pitches are MIDI note numbers, 60 is middle C.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

PITCH_CLASSES: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
KEY_NAMES: Final = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
MAJOR: Final = (0, 2, 4, 5, 7, 9, 11)

QUALITIES: Final = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "add9": (0, 4, 7, 2),
    "madd9": (0, 3, 7, 2),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "maj9": (0, 4, 7, 11, 2),
    "m9": (0, 3, 7, 10, 2),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "9sus4": (0, 5, 7, 10, 2),
}
"""Semitones above the root, the root first, by the symbol's ending."""

LOWEST, HIGHEST = 53, 76
"""Range of a voicing: F3 to E5, below the melody and above the bass."""

_SYMBOL: Final = re.compile(r"([A-G])([b#]?)([a-z0-9]*)(?:/([A-G])([b#]?))?")


@dataclass(frozen=True, slots=True)
class Chord:
    """Pitch classes 0..11 of a chord, the root first, and of the note under it."""

    tones: tuple[int, ...]
    bass: int

    @property
    def root(self) -> int:
        """The pitch class the chord is named after."""
        return self.tones[0]

    def transposed(self, semitones: int) -> "Chord":
        """The same chord in another key."""
        return Chord(tuple((t + semitones) % 12 for t in self.tones), (self.bass + semitones) % 12)

    def scale(self, tonic: int) -> tuple[int, ...]:
        """Pitch classes to walk on over this chord: the major scale of `tonic`, bent where the chord leaves it."""
        major = {(tonic + step) % 12 for step in MAJOR}
        borrowed = set(self.tones) - major
        return tuple(sorted((major - {(tone + 1) % 12 for tone in borrowed}) | borrowed))


def parse_chord(symbol: str) -> Chord:
    """The chord of a symbol such as `Fmaj9` or `G/B`.

    Raises:
        ValueError: the symbol is not in the notation above.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None or match[3] not in QUALITIES:
        raise ValueError(f"{symbol!r} is not a chord symbol; known endings are {', '.join(QUALITIES)}.")
    root = _pitch_class(match[1], match[2])
    bass = _pitch_class(match[4], match[5]) if match[4] else root
    return Chord(tuple((root + step) % 12 for step in QUALITIES[match[3]]), bass)


def _pitch_class(letter: str, accidental: str) -> int:
    return (PITCH_CLASSES[letter] + {"": 0, "#": 1, "b": -1}[accidental]) % 12


def voice(chord: Chord, previous: Sequence[int] | None) -> tuple[int, ...]:
    """Four ascending pitches in `LOWEST..HIGHEST` for `chord`, moving as little as possible from `previous`.

    The cost of a voicing is the sum of its voices' moves in semitones, .3 of its span, and 24 for every semitone
    between neighbours (harsh in a pad). Chords of five tones leave the root to the bass; three tones double it.
    """
    tones = chord.tones[1:] if len(chord.tones) > 4 else chord.tones
    tones = tones if len(tones) == 4 else (*tones, tones[0])
    anchor = tuple(previous) if previous is not None else (55, 60, 64, 69)
    places = [[pitch for pitch in range(LOWEST, HIGHEST + 1) if pitch % 12 == tone] for tone in tones]
    voicings = {tuple(sorted(choice)) for choice in product(*places) if len(set(choice)) == 4}

    def cost(voicing: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        moves = sum(abs(a - b) for a, b in zip(voicing, anchor, strict=True))
        rubs = sum(b - a == 1 for a, b in pairwise(voicing))
        return (moves + 0.3 * (voicing[-1] - voicing[0]) + 24 * rubs, voicing)

    return min(voicings, key=cost)


def near(pitch_class: int, centre: int) -> int:
    """The pitch of that class nearest to `centre`, the lower one of two."""
    return centre - 6 + (pitch_class - centre + 6) % 12
