"""The embedded composer: from a film's scenes to every note of its music.

Here: harmony, arrangement, melody, what happens at a cut, the ending; all decided by scenes, mood and seed alone.
Not here: tempo and bars (meter.py), chords (harmony.py), the moods' material (moods.py), sound (media/synthesize.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle
from typing import Final, get_args

import numpy as np
from pydantic import Field

from property_video.core.errors import BadBrief, BadInput
from property_video.core.film import SAMPLE_RATE
from property_video.core.harmony import KEY_NAMES, Chord, near, parse_chord, voice
from property_video.core.meter import Bar, lay_bars
from property_video.core.moods import MOODS, Instrument, Mood
from property_video.core.records import Record

INSTRUMENTS: Final[tuple[Instrument, ...]] = get_args(Instrument)

SHORTEST_ENDING_S: Final = 1.7
"""Seconds the last chord must have to ring: less, and it takes over the bar before."""

FINAL_BED: Final = 0.3
"""Share of the last bar that pad and strings are held before they die away: they would hide the ringing."""

LIFT: Final = 0.04
"""Rise of energy at a cut from which it is prepared by a riser."""

BREATH: Final = -0.08
"""Fall of energy at a cut from which drums and bass stop two beats before it."""

DRUMS: Final[dict[Instrument, float]] = {"X": 1.0, "x": 0.72, "o": 0.42}  # type: ignore[dict-item]


class Passage(Record):
    """What the music must know of one scene: its length in frames, its energy 0..1, its title.

    `features` are instruments that play in this scene whatever its energy.
    """

    frames: int = Field(gt=0)
    energy: float = Field(ge=0, le=1)
    title: str = ""
    features: tuple[Instrument, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding event. `start` and `length` in samples of 48 kHz, `pitch` a MIDI number (0 for noises).

    `velocity` is 0..1, `pan` -1 (left) to 1.
    """

    start: int
    length: int
    instrument: Instrument
    pitch: int
    velocity: float
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """A whole track as notes in order of time. `cuts` are the sample positions where scenes begin, without 0."""

    mood: str
    seed: int
    key: str
    bpm: float
    duration_samples: int
    cuts: tuple[int, ...]
    beats: tuple[int, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One bar with everything its players need to know."""

    number: int
    bar: Bar
    phrase: int
    chord: Chord
    tonic: int
    voicing: tuple[int, ...]
    energy: float
    playing: frozenset[Instrument]
    opens: bool
    closes: bool
    lift: float
    final: bool

    @property
    def level(self) -> int:
        """0 quiet, 1 middle, 2 full: which version of a rhythm is played."""
        return (self.energy >= 0.52) + (self.energy >= 0.74)

    @property
    def touch(self) -> float:
        """Velocity that the energy asks for, .5..1."""
        return 0.5 + 0.5 * self.energy

    @property
    def bass(self) -> int:
        """The lowest note, between G1 and F♯2."""
        return near(self.chord.bass, 37)


def compose(passages: Sequence[Passage], fps: int, mood: str, seed: int) -> Score:
    """The score of a film with these scenes, in this mood. Equal arguments give equal scores.

    Every cut is a beat and begins a bar with a new chord; instruments enter and leave at cuts, by the scenes'
    energies; the last bar is the tonic, struck early enough to ring out before the film ends.

    Raises:
        BadInput: there is no scene.
        BadBrief: the mood is unknown.
    """
    if not passages:
        raise BadInput("A track needs at least one scene.", "Choose pairs for the film's scenes first.")
    if mood not in MOODS:
        raise BadBrief(f"There is no mood {mood!r}.", f"Use one of {', '.join(MOODS)}.")
    material = MOODS[mood]
    edges = [round(frames * SAMPLE_RATE / fps) for frames in accumulate((p.frames for p in passages), initial=0)]
    bpm, bars = lay_bars(edges, material.tempo)
    tonic = int(_rng(seed, "key").choice(material.keys))
    measures = _measures(passages, _merge_short_ending(bars), material, tonic, seed)
    notes = [note for part in PARTS for note in part(measures, material, seed)]
    return Score(
        mood=mood,
        seed=seed,
        key=f"{KEY_NAMES[tonic]} major",
        bpm=bpm,
        duration_samples=edges[-1],
        cuts=tuple(edges[1:-1]),
        beats=tuple(beat for bar in bars for beat in bar.beats),
        notes=tuple(
            sorted(notes, key=lambda n: (n.start, INSTRUMENTS.index(n.instrument), n.pitch, n.velocity, n.pan))
        ),
    )


def _rng(seed: int, part: str, *event: int) -> np.random.Generator:
    """An independent stream per part and event, so that a change in one scene leaves the others' dice alone."""
    return np.random.default_rng([seed, *part.encode(), *event])


# -- harmony and form -------------------------------------------------------------------------------------------------


def _merge_short_ending(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    *rest, last = bars
    while rest and last.length < SHORTEST_ENDING_S * SAMPLE_RATE and rest[-1].passage == last.passage:
        before = rest.pop()
        last = Bar(before.passage, (*before.beats, *last.beats), last.end)
    return (*rest, last)


def _form(count: int, phrases: int, seed: int) -> list[tuple[int, int]]:
    """Phrase and position in it (0..3) for each of `count` bars: the first phrase returns between the others."""
    others = [int(i) for i in _rng(seed, "form").permutation(range(1, phrases))]
    order = (phrase for other in cycle(others) for phrase in (0, other))
    return [(phrase, position) for phrase, _ in zip(order, range(0, count, 4), strict=False) for position in range(4)][
        :count
    ]


def _progression(count: int, mood: Mood, tonic: int, seed: int) -> list[tuple[int, Chord]]:
    """Phrase index and chord of each bar; the last two bars are a cadence."""
    phrases = [[parse_chord(symbol) for symbol in phrase.split()] for phrase in mood.phrases]
    chords = [(phrase, phrases[phrase][position]) for phrase, position in _form(count, len(phrases), seed)]
    if count > 2:
        leads = [parse_chord(symbol) for symbol in mood.before_last]
        chords[-2] = (chords[-2][0], next(lead for lead in leads if lead.bass != chords[-3][1].bass))
    chords[-1] = (chords[-1][0], parse_chord(mood.last))
    return [(phrase, chord.transposed(tonic)) for phrase, chord in chords]


def _measures(
    passages: Sequence[Passage], bars: Sequence[Bar], mood: Mood, tonic: int, seed: int
) -> tuple[Measure, ...]:
    measures: list[Measure] = []
    voicing: tuple[int, ...] | None = None
    for number, (bar, (phrase, chord)) in enumerate(zip(bars, _progression(len(bars), mood, tonic, seed), strict=True)):
        passage = passages[bar.passage]
        voicing = voice(chord, voicing)
        closes = number + 1 == len(bars) or bars[number + 1].passage != bar.passage
        follows = passages[bar.passage + 1].energy if closes and bar.passage + 1 < len(passages) else passage.energy
        always = {"pad", "piano", "bell", "cymbal", "riser"}
        entered = {name for name, energy in mood.entries.items() if passage.energy >= energy}
        measures.append(
            Measure(
                number=number,
                bar=bar,
                phrase=phrase,
                chord=chord,
                tonic=tonic,
                voicing=voicing,
                energy=passage.energy,
                playing=frozenset(always | entered | set(passage.features)),  # type: ignore[arg-type]
                opens=number > 0 and bars[number - 1].passage != bar.passage,
                closes=closes,
                lift=follows - passage.energy,
                final=number + 1 == len(bars),
            )
        )
    return tuple(measures)


# -- parts ------------------------------------------------------------------------------------------------------------


def _pattern(levels: Sequence[str], measure: Measure) -> Iterator[tuple[int, str]]:
    """Sixteenth and sign of every stroke in a bar of any length; a bar longer than four beats repeats the pattern."""
    signs = levels[measure.level]
    for sixteenth in range(measure.bar.sixteenths):
        sign = signs[sixteenth % len(signs)]
        if sign != ".":
            yield sixteenth, sign


def _span(measure: Measure, sixteenths: float) -> int:
    """Samples that so many sixteenths last in this bar."""
    return round(measure.bar.length / measure.bar.sixteenths * sixteenths)


def _sway(rng: np.random.Generator, milliseconds: float) -> int:
    """A player's inaccuracy in samples, at most twice the given standard deviation."""
    return round(float(np.clip(rng.normal(), -2, 2)) * milliseconds * SAMPLE_RATE / 1000)


def _variation(measure: Measure, seed: int, count: int) -> int:
    """Which of a mood's variants a scene plays: another one in every scene, and every four bars of a long one."""
    return (seed + measure.bar.passage) % count


def _pad(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """Four voices; a voice that stays is held within a scene, every cut strikes anew."""
    held: dict[int, int] = {}
    for measure, following in zip(measures, [*measures[1:], None], strict=True):
        for index, pitch in enumerate(measure.voicing):
            held.setdefault(pitch, measure.bar.start)
            if following is not None and not following.opens and not following.final and pitch in following.voicing:
                continue
            start = held.pop(pitch)
            length = measure.bar.end - start
            if measure.final:
                length = round(length * FINAL_BED)
            yield Note(
                start,
                length,
                "pad",
                pitch,
                measure.touch * (0.85 if measure.final else 1.0),
                (-0.5, 0.3, -0.2, 0.5)[index],
            )


def _strings(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """The upper voices, an octave higher in full scenes."""
    for measure in measures:
        if "strings" not in measure.playing:
            continue
        voices = [measure.voicing[0], measure.voicing[2], measure.voicing[3]]
        if measure.level == 2:
            voices = [measure.voicing[1], measure.voicing[3], measure.voicing[2] + 12]
        length = round(measure.bar.length * (FINAL_BED if measure.final else 1.0))
        for pitch, pan in zip(voices, (0.5, -0.25, -0.55), strict=True):
            yield Note(measure.bar.start, length, "strings", pitch, measure.touch, pan)


def _bass(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    for measure in measures:
        if "bass" not in measure.playing:
            continue
        if measure.final:
            yield Note(measure.bar.start, measure.bar.length, "bass", measure.bass, measure.touch * 0.65)
            continue
        strokes = list(_pattern(mood.bass, measure))
        ends = [sixteenth for sixteenth, _ in strokes[1:]] + [measure.bar.sixteenths]
        silent = measure.bar.sixteenths - 8 if measure.lift <= BREATH else measure.bar.sixteenths
        fifth = next((t for t in measure.chord.tones if (t - measure.chord.bass) % 12 == 7), measure.chord.bass)
        for (sixteenth, sign), end in zip(strokes, ends, strict=True):
            if sixteenth >= silent > 0:
                continue
            pitch = {"1": measure.bass, "8": measure.bass + 12, "5": near(fifth, measure.bass + 4)}[sign]
            length = measure.bar.at(min(end, silent)) - measure.bar.at(sixteenth)
            accent = 1.0 if sixteenth == 0 else 0.82
            yield Note(measure.bar.at(sixteenth), round(length * 0.94), "bass", pitch, measure.touch * accent)


def _piano(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """Broken or struck chords; the pedal changes with the chord. Every cut and the last bar are struck as chords."""
    for measure in measures:
        rng = _rng(seed, "piano", measure.number)
        bar = measure.bar
        if measure.final:
            yield from _last_chord(measure)
            continue
        ladder = [measure.bass + 12, *measure.voicing, *(pitch + 12 for pitch in measure.voicing)]
        figure = mood.piano[_variation(measure, seed, len(mood.piano))]
        strokes = dict(_pattern(figure, measure))
        if measure.opens:
            strokes[0] = "C"
        for sixteenth, sign in strokes.items():
            weight = 1.0 if sixteenth == 0 else 0.86 if sixteenth % 4 == 0 else 0.74
            chosen = {"c": measure.voicing, "C": (ladder[0], *measure.voicing)}.get(sign)
            pitches = chosen if chosen is not None else (ladder[int(sign)],)
            weight *= 0.72 if len(pitches) > 1 else 1.0
            start = bar.at(sixteenth) + (0 if sixteenth == 0 else _sway(rng, 4))
            for pitch in pitches:
                velocity = measure.touch * weight * float(rng.uniform(0.9, 1.04))
                yield Note(start, bar.end - start, "piano", pitch, min(1.0, velocity), (pitch - 60) / 60)


def _last_chord(measure: Measure) -> Iterator[Note]:
    """A wide chord, rolled upwards from the beat over a ninth of a second."""
    top = near(measure.tonic, 82)
    pitches = (measure.bass, measure.bass + 12, *measure.voicing, top)
    for index, pitch in enumerate(pitches):
        start = measure.bar.start + round(index * 0.018 * SAMPLE_RATE)
        yield Note(start, measure.bar.end - start, "piano", pitch, measure.touch * 0.7, (pitch - 60) / 60)


def _pluck(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """An arpeggio above the chord, answered a dotted eighth later from the other side."""
    for measure in measures:
        if "pluck" not in measure.playing or measure.final:
            continue
        rng = _rng(seed, "pluck", measure.number)
        ladder = sorted({*measure.voicing[1:], *(pitch + 12 for pitch in measure.voicing)})
        figure = mood.pluck[_variation(measure, seed + 1, len(mood.pluck))]
        for sixteenth, sign in _pattern(figure, measure):
            pitch = ladder[int(sign)]
            weight = 0.95 if sixteenth % 4 == 0 else 0.78
            velocity = measure.touch * weight * float(rng.uniform(0.88, 1.05))
            side = 0.45 if (sixteenth // 2) % 2 else -0.45
            start = measure.bar.at(sixteenth) + (0 if sixteenth == 0 else _sway(rng, 3))
            length = _span(measure, 6)
            yield Note(start, length, "pluck", pitch, min(1.0, velocity), side)
            yield Note(start + _span(measure, 3), length, "pluck", pitch, velocity * 0.3, -side)


def _melody(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """A walk on the scale, chord tones on the beats; a phrase that returns keeps its rhythm and its contour."""
    pitch = near(measures[0].tonic, 74)
    count_in_phrase: dict[int, int] = {}
    for measure in measures:
        position = count_in_phrase.get(measure.phrase, 0) % 4
        count_in_phrase[measure.phrase] = position + 1
        if measure.final:
            goal = _nearest(pitch, [t for t in measure.chord.tones if (t - measure.tonic) % 12 in (0, 4, 7)])
            yield Note(measure.bar.start, measure.bar.length, "lead", goal, measure.touch * 0.7, 0.1)
            return
        rng = _rng(seed, "melody", measure.phrase, position)
        rhythm = mood.melodies[int(rng.integers(len(mood.melodies)))] if position < 3 else "x......."
        strokes = [eighth for eighth, sign in enumerate(rhythm) if sign == "x" and 2 * eighth < measure.bar.sixteenths]
        ends = [*strokes[1:], measure.bar.sixteenths // 2]
        scale = measure.chord.scale(measure.tonic)
        for eighth, end in zip(strokes, ends, strict=True):
            step = int(rng.choice((-2, -1, -1, 1, 1, 2)))
            wanted = _pull_back(_walk(pitch, step, scale))
            strong = eighth % 2 == 0 or eighth == strokes[-1]
            pitch = _nearest(wanted, measure.chord.tones) if strong else wanted
            if "lead" in measure.playing:
                length = measure.bar.at(2 * end) - measure.bar.at(2 * eighth)
                accent = 0.95 if strong else 0.82
                yield Note(measure.bar.at(2 * eighth), length, "lead", pitch, measure.touch * accent, 0.1)


def _walk(pitch: int, steps: int, scale: Sequence[int]) -> int:
    """The pitch `steps` scale degrees away."""
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in scale:
            pitch += direction
    return pitch


def _pull_back(pitch: int) -> int:
    """Keeps a melody between G4 and B5."""
    if pitch < 67:
        return pitch + 7
    return pitch - 7 if pitch > 83 else pitch


def _nearest(pitch: int, tones: Iterable[int]) -> int:
    return min((near(tone, pitch) for tone in tones), key=lambda candidate: (abs(candidate - pitch), candidate))


def _drums(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """Kick, rim and shaker; a breath before a quieter scene, a roll before a fuller one."""
    rhythms: tuple[tuple[Instrument, Sequence[str], float], ...] = (
        ("kick", mood.kick, 0.0),
        ("rim", mood.rim, 0.15),
        ("shaker", mood.shaker, -0.3),
    )
    for measure in measures:
        if measure.final:
            continue
        rng = _rng(seed, "drums", measure.number)
        silent = measure.bar.sixteenths - 8 if measure.lift <= BREATH else measure.bar.sixteenths
        for instrument, levels, pan in rhythms:
            if instrument not in measure.playing:
                continue
            for sixteenth, sign in _pattern(levels, measure):
                if sixteenth >= silent > 0 or (instrument == "kick" and sixteenth == 0 and measure.opens):
                    continue
                velocity = measure.touch * DRUMS[sign] * float(rng.uniform(0.92, 1.0))  # type: ignore[index]
                start = measure.bar.at(sixteenth) + (0 if sixteenth % 4 == 0 else _sway(rng, 2))
                yield Note(start, _span(measure, 2), instrument, 0, velocity, pan)
        if measure.lift >= LIFT and "rim" in measure.playing:
            for stroke in range(4):
                sixteenth = measure.bar.sixteenths - 4 + stroke
                yield Note(
                    measure.bar.at(sixteenth), _span(measure, 1), "rim", 0, measure.touch * (0.25 + 0.12 * stroke), 0.15
                )


def _cut_accents(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """What makes a cut audible: bell, cymbal and a low stroke on it, a riser towards it when the energy rises."""
    for measure, following in zip(measures, [*measures[1:], None], strict=True):
        bar = measure.bar
        if measure.opens or measure.final:
            yield Note(bar.start, bar.length, "bell", measure.voicing[-1] + 12, 0.4 + 0.45 * measure.energy, -0.2)
            yield Note(bar.start, bar.length, "cymbal", 0, (0.5 if measure.final else 1.0) * measure.touch, 0.25)
            yield Note(bar.start, bar.length, "kick", 0, measure.touch * (0.5 if measure.final else 0.9), 0.0)
        if following is not None and following.opens and measure.lift >= LIFT:
            start = bar.at(max(0, bar.sixteenths - 8))
            yield Note(start, bar.end - start, "riser", 0, min(1.0, 0.5 + 2.5 * measure.lift), 0.0)


PARTS: Final = (_pad, _strings, _bass, _piano, _pluck, _melody, _drums, _cut_accents)
