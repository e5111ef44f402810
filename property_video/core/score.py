"""The embedded composer: from a film's scenes to every note of its music.

Here: harmony, arrangement, melody, what happens at a cut, the ending; all decided by scenes, mood and seed alone.
Not here: tempo and bars (meter.py), chords (harmony.py), the moods' material (moods.py), sound (media/synthesize.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, pairwise
from typing import Final, get_args

import numpy as np
from pydantic import Field

from property_video.core.errors import BadBrief, BadInput
from property_video.core.film import SAMPLE_RATE
from property_video.core.harmony import KEY_NAMES, Chord, near, parse_chord, voice
from property_video.core.meter import Bar, lay_bars
from property_video.core.moods import MOODS, Instrument, Mood
from property_video.core.records import Record
from property_video.core.sound import FADE_S

INSTRUMENTS: Final[tuple[Instrument, ...]] = get_args(Instrument)

SHORTEST_ENDING_S: Final = 1.7
"""Seconds the last chord must have to ring: less, and it takes over the bar before."""

FINAL_BED: Final = 0.3
"""Share of the last bar that pad and strings are held before they die away: they would hide the ringing."""

RING_S: Final = 1.9
"""In a long last bar they are held until this long before the end."""

TENOR: Final = 49
"""Centre of the pad's lowest voice, C♯3: it fills 100 to 200 Hz between bass and chord."""

RITARDANDO: Final = 0.25
"""Share of a beat by which the bar before the last one slows down."""

SWELL: Final = 0.35
"""Share of the next scene's rise that a scene's last bars anticipate."""

REGISTER: Final = 72
LOWEST_SONG, HIGHEST_SONG = 67, 84
"""Centre of the melody in quiet scenes, and its range: G4 to C6."""

SHAPES: Final = ((2, -1, -1, 1), (1, 1, -1, -1), (-1, -1, 3, -1), (1, -1, -1, 2), (3, -1, -1, 1), (-1, 2, 1, -1))
"""Contours of a motif: steps on the scale from note to note."""

ROLL: Final = SAMPLE_RATE * 7 // 1000
"""Samples between the notes of a chord that is not struck on a cut: no hand plays five keys at once."""

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
    swell: float
    playing: frozenset[Instrument]
    enters_at: int
    opens: bool
    closes: bool
    lift: float
    final: bool

    @property
    def level(self) -> int:
        """0 quiet, 1 middle, 2 full: which version of a rhythm is played."""
        return (self.energy >= 0.52) + (self.energy >= 0.74)

    @property
    def consonances(self) -> tuple[int, ...]:
        """Tones of the chord that may be held over it: not those a semitone above another (C over the B of Cmaj7)."""
        return tuple(tone for tone in self.chord.tones if (tone - 1) % 12 not in self.chord.tones)

    @property
    def touch(self) -> float:
        """Velocity that the energy asks for, .5..1."""
        return 0.5 + 0.5 * min(1.0, self.energy + self.swell)

    @property
    def bed(self) -> int:
        """Samples that pad and strings are held, when each bar has its own."""
        length = self.bar.length
        return round(max(length * FINAL_BED, length - RING_S * SAMPLE_RATE)) if self.final else length

    @property
    def silent_from(self) -> int:
        """The sixteenth at which drums and bass stop: half a bar before a quieter scene they hold their breath."""
        beats = len(self.bar.beats)
        return self.bar.sixteenths - (4 * (beats // 2) if self.lift <= BREATH and beats > 1 else 0)

    @property
    def bass(self) -> int:
        """The lowest note, between G1 and F♯2."""
        return near(self.chord.bass, 37)


def compose(passages: Sequence[Passage], fps: int, mood: str, seed: int) -> Score:
    """The score of a film with these scenes, in this mood. Equal arguments give equal scores.

    Every cut is a beat and begins a bar with a new chord; instruments enter and leave at cuts, by the scenes'
    energies. The film's fade-in lies over a swelling chord, the first stroke after it; the last bar is the tonic,
    struck early enough to ring out before the film ends.

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
    bpm, bars = lay_bars(edges, material.tempo, material.metre)
    bars = _slowed(_merge_short_ending(bars))
    tonic = material.keys[seed % len(material.keys)]  # neighbouring seeds never share a key
    measures = _measures(passages, bars, material, tonic, seed)
    notes = [note for part in PARTS for note in part(measures, material, seed) if note.length > 0]
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


def _slowed(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    """A ritardando into the last bar, where both lie under the last scene and the chord keeps its time to ring."""
    if len(bars) < 2:
        return bars
    *rest, before, last = bars
    delay = round(RITARDANDO * before.length / len(before.beats))
    if before.passage != last.passage or last.length - delay < SHORTEST_ENDING_S * SAMPLE_RATE:
        return bars
    count = len(before.beats)
    beats = tuple(beat + round(delay * (index / count) ** 2) for index, beat in enumerate(before.beats))
    start = last.start + delay
    later = [start + (beat - last.start) * (last.end - start) // last.length for beat in last.beats]
    return (*rest, Bar(before.passage, beats, start), Bar(last.passage, tuple(later), last.end))


def _entry(bar: Bar) -> int:
    """The first eighth of the opening bar at which the film's fade-in is over, in sixteenths; 0 when none is."""
    eighths = range(0, bar.sixteenths, 2)
    return next((sixteenth for sixteenth in eighths if bar.at(sixteenth) >= FADE_S * SAMPLE_RATE - 1), 0)


def _form(count: int, phrases: int, seed: int) -> list[tuple[int, int]]:
    """Phrase and position in it (0..3) for each of `count` bars: one phrase returns between the others."""
    refrain, *others = (int(i) for i in _rng(seed, "form").permutation(phrases))
    order = (phrase for other in cycle(others) for phrase in (refrain, other))
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
    first_of = {bar.passage: number for number, bar in reversed(list(enumerate(bars)))}
    rises = [after.energy - before.energy for before, after in pairwise(passages)] + [0.0]
    for number, (bar, (phrase, chord)) in enumerate(zip(bars, _progression(len(bars), mood, tonic, seed), strict=True)):
        passage = passages[bar.passage]
        voicing = voice(chord, voicing)
        closes = number + 1 == len(bars) or bars[number + 1].passage != bar.passage
        follows = passages[bar.passage + 1].energy if closes and bar.passage + 1 < len(passages) else passage.energy
        always = {"pad", "piano", "bell", "cymbal", "riser"}
        final = number + 1 == len(bars)
        index, count = number - first_of[bar.passage], sum(other.passage == bar.passage for other in bars)
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
                swell=SWELL * max(0.0, rises[bar.passage]) * index / count,
                playing=frozenset(always | entered | set(passage.features)),  # type: ignore[arg-type]
                enters_at=_entry(bar) if number == 0 and not final else 0,
                opens=number > 0 and bars[number - 1].passage != bar.passage,
                closes=closes,
                lift=follows - passage.energy,
                final=final,
            )
        )
    return tuple(measures)


# -- parts ------------------------------------------------------------------------------------------------------------


def _pattern(levels: Sequence[str], measure: Measure) -> Iterator[tuple[int, str]]:
    """Sixteenth and sign of every stroke in a bar of any length; a bar longer than the pattern repeats it."""
    signs = levels[measure.level]
    for sixteenth in range(measure.enters_at, measure.bar.sixteenths):
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
    """Four voices over a tenor; a voice that stays is held within a scene, every cut strikes anew."""
    for measure in measures:
        yield Note(measure.bar.start, measure.bed, "pad", _below(measure), measure.touch * 0.9, 0.0)
    held: dict[int, int] = {}
    for measure, following in zip(measures, [*measures[1:], None], strict=True):
        for index, pitch in enumerate(measure.voicing):
            held.setdefault(pitch, measure.bar.start)
            if following is not None and not following.opens and not following.final and pitch in following.voicing:
                continue
            start = held.pop(pitch)
            length = measure.bed if measure.final else measure.bar.end - start
            yield Note(
                start,
                length,
                "pad",
                pitch,
                measure.touch * (0.85 if measure.final else 1.0),
                (-0.5, 0.3, -0.2, 0.5)[index],
            )


def _strings(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """Three voices; in full scenes wider and higher."""
    for measure in measures:
        if "strings" not in measure.playing:
            continue
        voices = [measure.voicing[0], measure.voicing[2], measure.voicing[3]]
        if measure.level == 2:
            voices = [measure.voicing[1], measure.voicing[3], _ladder(measure.voicing)[5]]
        for pitch, pan in zip(voices, (0.5, -0.25, -0.55), strict=True):
            yield Note(measure.bar.start, measure.bed, "strings", pitch, measure.touch, pan)


def _bass(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """The mood's rhythm on the chord's lowest note; its last stroke may lead to the next bar's."""
    for measure, following in zip(measures, [*measures[1:], None], strict=True):
        if "bass" not in measure.playing:
            continue
        if measure.final or following is None:
            yield Note(measure.bar.start, measure.bar.length, "bass", measure.bass, measure.touch * 0.65)
            continue
        strokes = dict(_pattern(mood.bass, measure))
        if measure.enters_at:
            strokes[measure.enters_at] = "1"
        places = sorted(strokes)
        for sixteenth, end in zip(places, [*places[1:], measure.bar.sixteenths], strict=True):
            if sixteenth >= measure.silent_from:
                continue
            length = measure.bar.at(min(end, measure.silent_from)) - measure.bar.at(sixteenth)
            accent = 1.0 if sixteenth == measure.enters_at else 0.82
            pitch = _bass_pitch(strokes[sixteenth], measure, following)
            yield Note(measure.bar.at(sixteenth), round(length * 0.94), "bass", pitch, measure.touch * accent)


def _bass_pitch(sign: str, measure: Measure, following: Measure) -> int:
    fifth = next((t for t in measure.chord.tones if (t - measure.chord.bass) % 12 == 7), measure.chord.bass)
    if sign == "w" and following.bass != measure.bass:
        side = 1 if measure.bass > following.bass else -1
        return _walk(following.bass, side, measure.chord.scale(measure.tonic))
    return {"1": measure.bass, "8": measure.bass + 12}.get(sign, near(fifth, measure.bass + 4))


def _piano(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """Broken or struck chords; the pedal changes with the chord. Entry, cuts and the last bar are struck as chords."""
    for measure in measures:
        rng = _rng(seed, "piano", measure.number)
        bar = measure.bar
        if measure.final:
            yield from _last_chord(measure)
            continue
        ladder = [_below(measure), *_ladder(measure.voicing)]
        figure = mood.piano[_variation(measure, seed, len(mood.piano))]
        strokes = dict(_pattern(figure, measure))
        struck = measure.opens or measure.enters_at > 0
        if struck:
            strokes[measure.enters_at] = "C"
        for sixteenth, sign in sorted(strokes.items()):
            first = sixteenth == measure.enters_at
            weight = 1.0 if first else 0.86 if sixteenth % 4 == 0 else 0.74
            chosen = {"c": measure.voicing, "C": (ladder[0], *measure.voicing)}.get(sign)
            pitches = chosen if chosen is not None else (ladder[int(sign)],)
            weight *= 0.72 if len(pitches) > 1 else 1.0
            start = bar.at(sixteenth) + (0 if first else _sway(rng, 4))
            roll = 0 if struck and first else ROLL
            for index, pitch in enumerate(pitches):
                velocity = measure.touch * weight * float(rng.uniform(0.9, 1.04))
                at = start + index * roll
                yield Note(at, bar.end - at, "piano", pitch, min(1.0, velocity), (pitch - 60) / 60)


def _ladder(voicing: Sequence[int]) -> list[int]:
    """The chord's tones from its voicing upwards, without those that rub against another: they all ring together."""
    ladder = list(voicing)
    for pitch in (pitch + octave for octave in (12, 24) for pitch in voicing):
        if not {pitch - 1, pitch, pitch + 1} & set(ladder):
            ladder.append(pitch)
    return sorted(ladder)


def _below(measure: Measure) -> int:
    """The chord's lowest note under its voicing, an octave lower where it would rub against it."""
    pitch = near(measure.chord.bass, TENOR)
    return pitch - 12 if {pitch - 1, pitch + 1} & set(measure.voicing) else pitch


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
        ladder = _ladder(measure.voicing)[1:]
        figure = mood.pluck[_variation(measure, seed + 1, len(mood.pluck))]
        for sixteenth, sign in _pattern(figure, measure):
            pitch = ladder[int(sign)]
            weight = 0.95 if sixteenth % 4 == 0 else 0.78
            velocity = measure.touch * weight * float(rng.uniform(0.88, 1.05))
            side = 0.45 if (sixteenth // 2) % 2 else -0.45
            start = measure.bar.at(sixteenth) + (0 if sixteenth == 0 else _sway(rng, 3))
            for at, level, pan in ((start, 1.0, side), (start + _span(measure, 3), 0.3, -side)):
                length = min(_span(measure, 6), measure.bar.end - at)  # the next chord is another
                if length > 0:
                    yield Note(at, length, "pluck", pitch, min(1.0, velocity * level), pan)


def _melody(measures: Sequence[Measure], mood: Mood, seed: int) -> Iterator[Note]:
    """One motif for the whole film, two bars of call and answer, varied from scene to scene.

    Every scene sets it on its own chords and, by its energy, higher. Every second scene inverts the answer; full scenes
    are doubled by strings. Scenes before the melody enters hint at its first notes on the bell.
    """
    motif = _motif(mood, seed)
    pitch = near(measures[0].tonic, REGISTER)
    for measure in measures:
        if measure.final:
            goals = [t for t in measure.consonances if (t - measure.tonic) % 12 in (0, 4, 7)]
            goal = _nearest(pitch, goals)
            yield Note(measure.bar.start, measure.bar.length, "lead", goal, measure.touch * 0.7, 0.1)
            return
        rhythm, shape = motif[measure.number % 2]
        if measure.bar.passage % 2 and measure.number % 2:
            shape = tuple(-step for step in shape)
        start = round((pitch + 2 * (REGISTER + 8 * measure.energy)) / 3)
        line = _line(measure, rhythm, shape, start)
        pitch = line[-1][2] if line else pitch
        sings = "lead" in measure.playing
        for index, (at, length, note) in enumerate(line):
            accent = 0.95 if index == 0 else 0.84
            if sings:
                yield Note(at, length, "lead", note, measure.touch * accent, 0.1)
                if measure.level == 2:
                    yield Note(at, length, "strings", note, measure.touch * 0.75, -0.1)
            elif index < 3 and measure.number % 2:
                yield Note(at, length, "bell", note, 0.30 + 0.25 * measure.energy, 0.25)


def _motif(mood: Mood, seed: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Rhythm (in eighths) and contour of call and answer."""
    rng = _rng(seed, "motif")
    call, answer = (int(i) for i in rng.permutation(len(mood.melodies))[:2])
    rise, fall = (int(i) for i in rng.permutation(len(SHAPES))[:2])
    return ((mood.melodies[call], SHAPES[rise]), (mood.melodies[answer], SHAPES[fall]))


def _line(measure: Measure, rhythm: str, shape: Sequence[int], start: int) -> list[tuple[int, int, int]]:
    """Start, length and pitch of a bar's melody: chord tones on beats and on what is held, the scale between them."""
    bar, scale = measure.bar, measure.chord.scale(measure.tonic)
    signs = [rhythm[eighth % len(rhythm)] for eighth in range(bar.sixteenths // 2)]
    places = [2 * eighth for eighth, sign in enumerate(signs) if sign == "x" and 2 * eighth >= measure.enters_at]
    places = places or [measure.enters_at]
    line, pitch = [], start
    for index, (place, end) in enumerate(zip(places, [*places[1:], bar.sixteenths], strict=True)):
        if index:
            wanted = _walk(pitch, shape[(index - 1) % len(shape)], scale)
            wanted = _pull_back(wanted)
            held = place % 4 == 0 or end - place > 2
            pitch = _clear(wanted, pitch, measure) if held else wanted
        else:
            pitch = _clear(pitch, None, measure)
        line.append((bar.at(place), bar.at(end) - bar.at(place), pitch))
    return line


def _clear(pitch: int, previous: int | None, measure: Measure) -> int:
    """The nearest consonance that rubs against no voice of the chord, another than the note before if possible."""
    voices = {voice + octave for voice in measure.voicing for octave in (0, 12)}
    candidates = [
        candidate
        for tone in measure.consonances
        for octave in (-12, 0, 12)
        if LOWEST_SONG <= (candidate := near(tone, pitch) + octave) <= HIGHEST_SONG
        and not {candidate - 1, candidate + 1} & voices
    ]
    return min(candidates, key=lambda each: (abs(each - pitch) + 1.5 * (each == previous), each), default=pitch)


def _walk(pitch: int, steps: int, scale: Sequence[int]) -> int:
    """The pitch `steps` scale degrees away."""
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in scale:
            pitch += direction
    return pitch


def _pull_back(pitch: int) -> int:
    """Keeps a melody in its range."""
    if pitch < LOWEST_SONG:
        return pitch + 7
    return pitch - 7 if pitch > HIGHEST_SONG else pitch


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
        for instrument, levels, pan in rhythms:
            if instrument not in measure.playing:
                continue
            for sixteenth, sign in _pattern(levels, measure):
                if sixteenth >= measure.silent_from or (instrument == "kick" and sixteenth == 0 and measure.opens):
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
    """What makes a cut audible: bell, cymbal and a low stroke on it, a riser towards it when the energy rises.

    The opening swells in the same way to its first stroke.
    """
    before: list[Measure | None] = [None, *measures[:-1]]
    for previous, measure, following in zip(before, measures, [*measures[1:], None], strict=True):
        bar = measure.bar
        if measure.opens or measure.final:
            arrival = float(np.clip(0.65 + 3 * previous.lift, 0.5, 1.0)) if previous and not measure.final else 0.5
            yield Note(bar.start, bar.length, "bell", measure.voicing[-1] + 12, 0.4 + 0.45 * measure.energy, -0.2)
            yield Note(bar.start, bar.length, "cymbal", 0, arrival * measure.touch, 0.25)
            yield Note(bar.start, bar.length, "kick", 0, measure.touch * (0.5 if measure.final else 0.9), 0.0)
        if measure.enters_at:
            entry = bar.at(measure.enters_at)
            yield Note(0, entry, "riser", 0, 0.45, 0.0)
            yield Note(entry, bar.end - entry, "bell", measure.voicing[-1] + 12, 0.4 + 0.45 * measure.energy, -0.2)
        if following is not None and following.opens and measure.lift >= LIFT:
            start = bar.at(max(0, bar.sixteenths - 8))
            yield Note(start, bar.end - start, "riser", 0, min(1.0, 0.5 + 2.5 * measure.lift), 0.0)


PARTS: Final = (_pad, _strings, _bass, _piano, _pluck, _melody, _drums, _cut_accents)
