"""The moods of the embedded composer, as data a musician can read and change.

Here: chords, rhythms, and at which energy each instrument enters.
Not here: how they are combined into a score (score.py) or how an instrument sounds (media/instruments.py).

Chords are written in C and transposed to the key. Rhythms have one character per sixteenth note of a bar:
drums `X` loud, `x` normal, `o` soft; bass `1` the chord's lowest note, `5` its fifth, `8` the octave, `w` a step
from the next bar's; piano and pluck digits count up the chord from its lowest note, `c` the whole chord, `C` the chord
with a low octave. `.` rests.
Each rhythm has three versions: for quiet, middle and full scenes (see score.level).
"""

from collections.abc import Mapping
from typing import Final, Literal

from property_video.core.records import Record

Instrument = Literal[
    "piano", "pad", "strings", "pluck", "lead", "bell", "bass", "kick", "shaker", "rim", "cymbal", "riser"
]

Levels = tuple[str, str, str]


class Mood(Record):
    """One way to play a film.

    `tempo` is the preferred one in BPM; the cuts decide. `metre` is beats in a bar. `keys` are tonics as semitones
    above C. Every phrase is four chords, one phrase returns between the others. `before_last` are chords that
    lead into `last`, best first. `entries` are energies 0..1 from which an instrument plays. `melodies` are rhythms in
    eighths. `gains` are dB against the standard mix.
    """

    tempo: float
    metre: int = 4
    keys: tuple[int, ...]
    phrases: tuple[str, ...]
    before_last: tuple[str, str]
    last: str
    entries: Mapping[Instrument, float]
    piano: tuple[Levels, ...]
    pluck: tuple[Levels, ...]
    bass: Levels
    kick: Levels
    rim: Levels
    shaker: Levels
    melodies: tuple[str, ...]
    gains: Mapping[Instrument, float] = {}


MOODS: Final[Mapping[str, Mood]] = {
    "warm": Mood(
        tempo=116,
        keys=(0, 2, 5, 7, 10),
        phrases=("Cadd9 G/B Am7 Fmaj7", "Fmaj7 C/E Dm9 Gsus4", "Am7 Fmaj7 C/G G6"),
        before_last=("Gsus4", "Fmaj9"),
        last="Cadd9",
        entries={
            "bass": 0.45,
            "shaker": 0.5,
            "pluck": 0.55,
            "lead": 0.6,
            "strings": 0.62,
            "kick": 0.68,
            "rim": 0.75,
        },
        piano=(
            ("0...2...3.2.4...", "0.2.3.2.4.2.3.2.", "C..2c.3.c..2c.3."),
            ("0...3...4.3.2...", "0.3.4.3.2.3.4.3.", "C..c..3.c.2.c.3."),
        ),
        pluck=(
            ("0...2...3...2...", "0.2.3.4.3.2.4.2.", "0232423202324232"),
            ("3...2...4...2...", "3.2.4.2.0.2.3.2.", "3242024232420232"),
        ),
        bass=("1...............", "1.....1.1.....w.", "1..1..1.1..1..w."),
        kick=("X...............", "X.......x.......", "X...x...X...x..."),
        rim=("............o...", "....x.......x...", "....X.......X..o"),
        shaker=("x...o...x...o...", "x.o.x.o.x.o.x.o.", "xoxoXoxoxoxoXoxo"),
        melodies=("x..x..x.", "x.x.x...", "x...x.x.", "x.xxx..."),
    ),
    "elegant": Mood(
        tempo=92,
        metre=3,
        keys=(1, 3, 5, 8, 10),
        phrases=("Cmaj9 Am9 Fmaj9 Fm6", "Am9 Em7 Fmaj9 Gsus4", "Dm9 G6 Cmaj9/E Am9"),
        before_last=("Fm6", "Gsus4"),
        last="Cmaj9",
        entries={
            "bass": 0.4,
            "strings": 0.45,
            "pluck": 0.65,
            "lead": 0.6,
            "shaker": 0.6,
            "kick": 0.8,
            "rim": 0.9,
        },
        piano=(
            ("0...2...3...", "0.2.3.4.3.2.", "C.2.4.5.4.2."),
            ("0.....3.2...", "0.3.2.4.3.4.", "C.3.4.5.4.3."),
        ),
        pluck=(
            ("....4...3...", "..4...3.5...", "4.3.5.3.4.2."),
            ("........5...", "3...5...4...", "5.3.4.3.5.2."),
        ),
        bass=("1...........", "1.......5...", "1...5...w..."),
        kick=("X...........", "X...........", "X.......o..."),
        rim=("............", "........o...", "....o...x..."),
        shaker=("....o...o...", "..o.x...x...", "o.o.x.o.x.o."),
        melodies=("x...x.", "x..x..", "x.xx..", "x.x.x."),
        gains={"strings": 2.5, "pluck": -1.0, "piano": 1.0, "shaker": 1.0},
    ),
    "upbeat": Mood(
        tempo=122,
        keys=(0, 2, 4, 7, 9),
        phrases=("Cadd9 G/B Am7 Fmaj7", "Fmaj7 Gsus4 Am7 C/E", "Dm7 Am7 Fmaj7 G6"),
        before_last=("Gsus4", "Fmaj7"),
        last="Cadd9",
        entries={
            "bass": 0.35,
            "shaker": 0.35,
            "pluck": 0.4,
            "kick": 0.5,
            "rim": 0.6,
            "lead": 0.6,
            "strings": 0.75,
        },
        piano=(
            ("c.....c.....c...", "C..c..c.c..c..c.", "C..c..c.C..c..c."),
            ("c..c......c.....", "C.c...c.c...c...", "C.c..c..C.c..c.."),
        ),
        pluck=(
            ("0.2.3.2.4.2.3.2.", "0.234.2.3.243.2.", "0234324202343242"),
            ("2.3.4.3.2.3.4.3.", "2.342.3.4.324.3.", "2342342323423423"),
        ),
        bass=("1.......1.......", "1..1..1.1..1..w.", "1.1.8.1.1.1.5.w."),
        kick=("X.......X.......", "X...x...X...x...", "X...x...X...x..x"),
        rim=("............x...", "....X.......X...", "....X..o....X.o."),
        shaker=("x.o.x.o.x.o.x.o.", "x.x.x.x.x.x.x.x.", "xoXoxoXoxoXoxoXo"),
        melodies=("x.xx.xx.", "x..x..x.", "xx.x.x..", "..x.xxx."),
        gains={"piano": -1.5, "pluck": 1.0, "pad": -1.5, "kick": 0.5},
    ),
    "dusk": Mood(
        tempo=104,
        keys=(0, 3, 5, 8, 10),
        phrases=("Am9 Fmaj9 Cadd9 Em7", "Dm9 Fmaj9 Am9 Gsus4", "Fmaj9 Em7 Dm9 C/G"),
        before_last=("Fmaj9", "Gsus4"),
        last="Cadd9",
        entries={
            "bass": 0.35,
            "lead": 0.5,
            "strings": 0.6,
            "pluck": 0.5,
            "shaker": 0.6,
            "kick": 0.6,
            "rim": 0.7,
        },
        piano=(
            ("0.......3.......", "0...3...4...3...", "0..3..4.0..3..4."),
            ("0.....4.........", "0.....4.3.......", "C.....4.3..4...."),
        ),
        pluck=(
            ("..3...4...3...2.", "3.4.2.4.3.4.2.4.", "3.4.2.453.4.2.45"),
            ("4.....3.....2...", "4..3..2.4..3..2.", "4.43.32.4.43.32."),
        ),
        bass=("1...............", "1.........1.....", "1.....1...1...w."),
        kick=("X...............", "X.........x.....", "X.....x...X....."),
        rim=("................", "........x.......", "........X......o"),
        shaker=("o.......o.......", "o.o.x.o.o.o.x.o.", "o.oox.oxo.oox.ox"),
        melodies=("x.....x.", "x...x...", "x.x..x..", "x..x...."),
        gains={"pad": 2.0, "lead": 1.0, "piano": -0.5},
    ),
    "calm": Mood(
        tempo=62,
        keys=(0, 2, 3, 5, 7),
        phrases=("Cadd9 Fmaj9 Am9 Fmaj9", "Dm9 Fmaj9 C/E Gsus4", "Am9 Em7 Fmaj9 C/E"),
        before_last=("Fmaj9", "Gsus4"),
        last="Cadd9",
        entries={"bass": 0.5, "strings": 0.6, "pluck": 0.65, "lead": 0.6, "shaker": 0.75, "kick": 0.9, "rim": 1.1},
        piano=(
            ("0...2...4...3...", "0.2.3.4.5.4.3.2.", "C.2.4.5.4.3.4.2."),
            ("0...3...2...4...", "0.3.2.4.3.5.4.3.", "C.3.4.3.5.4.3.2."),
        ),
        pluck=(
            ("........4.......", "....4.......5...", "..4...5...4...3."),
            ("............5...", "..5.......4.....", "4.....5...3...4."),
        ),
        bass=("1...............", "1...............", "1.......5...w..."),
        kick=("X...............", "X...............", "X.......o......."),
        rim=("................", "................", "........o......."),
        shaker=("................", "....o.......o...", "..o...o...o...o."),
        melodies=("x...x.x.", "x.x.x...", "x...x...", "x.....x."),
        gains={"pad": 1.5, "strings": -1.0, "bell": 1.0},
    ),
}
