from itertools import pairwise

import numpy as np
import pytest

from property_video.core.errors import BadBrief, BadInput
from property_video.core.harmony import parse_chord, voice
from property_video.core.meter import FASTEST, SLOWEST, bar_sizes, choose_tempo, lay_bars
from property_video.core.moods import MOODS
from property_video.core.score import INSTRUMENTS, Passage, Score, compose

ENERGIES = (0.45, 0.55, 0.6, 0.7, 0.8, 1.0, 0.65)


def film(seconds=(4.0,) * 7, energies=ENERGIES, fps=30) -> list[Passage]:
    return [Passage(frames=round(s * fps), energy=energies[i % len(energies)]) for i, s in enumerate(seconds)]


def starts(score: Score, *instruments: str) -> set[int]:
    return {note.start for note in score.notes if note.instrument in instruments}


@pytest.mark.parametrize(
    ("mood", "bpm", "beats"),
    [("warm", 120, 8), ("upbeat", 120, 8), ("dusk", 120, 8), ("elegant", 90, 6), ("calm", 60, 4)],
)
def test_four_second_scenes_are_whole_bars_in_every_mood(mood, bpm, beats):
    score = compose(film(), 30, mood, 1)
    assert score.bpm == bpm
    assert beats % MOODS[mood].metre == 0
    assert score.beats[beats] == 192_000
    assert score.cuts == tuple(192_000 * i for i in range(1, 7))
    assert score.duration_samples == 28 * 48_000


@pytest.mark.parametrize(
    ("seconds", "bpm"),
    [((3.5,) * 4, 60 * 8 / 3.5), ((3.0, 5.0, 4.0), 120.0), ((5.0,) * 3, 96.0), ((4.0,), 120.0)],
)
def test_the_tempo_puts_cuts_on_downbeats_or_at_least_on_beats(seconds, bpm):
    assert choose_tempo(seconds, 116) == pytest.approx(bpm)


@pytest.mark.parametrize("seconds", [(3.5, 4.0, 5.0), (2.0, 2.5, 7.5), (10.0, 2.5), (4.0, 3.0, 4.0, 6.5)])
@pytest.mark.parametrize("mood", MOODS)
def test_scenes_of_half_seconds_have_one_tempo_in_every_mood(seconds, mood):
    score = compose(film(seconds), 30, mood, 1)
    last_bar = max(note.start for note in score.notes if note.instrument == "bell")
    steady = [beat for beat in score.beats if beat < min(score.cuts[-1] + 1, last_bar)]
    assert set(np.diff(steady)) <= {round(60 * 48_000 / score.bpm) + off for off in (-1, 0, 1)}


@pytest.mark.parametrize("mood", MOODS)
def test_the_shortest_film_has_a_bar_to_open_and_one_to_close(mood):
    score = compose(film((4.0,)), 30, mood, 1)
    struck = {n.start for n in score.notes if n.instrument == "bell"}
    assert len(struck) >= 2
    assert score.duration_samples - max(struck) >= 1.7 * 48_000


@pytest.mark.parametrize("seconds", [(4.0,) * 7, (3.5,) * 4, (3.0, 5.0, 4.0), (3.37, 4.21, 2.9), (0.5, 0.4), (61.3,)])
@pytest.mark.parametrize("mood", ["warm", "calm"])
def test_every_cut_is_a_beat_with_a_new_chord_and_an_accent(seconds, mood):
    score = compose(film(seconds), 30, mood, 5)
    assert SLOWEST <= score.bpm <= FASTEST
    assert set(score.cuts) <= set(score.beats)
    assert set(score.cuts) <= starts(score, "piano") & starts(score, "bell") & starts(score, "kick")
    assert all(note.start >= 0 for note in score.notes)


def test_scenes_of_odd_lengths_stretch_the_beat_by_less_than_a_tenth():
    bpm, bars = lay_bars([0, 161_760, 363_840, 503_040], 110)
    for bar in bars:
        local = 60 * 48_000 * len(bar.beats) / bar.length
        assert local == pytest.approx(bpm, rel=0.1)


def test_bars_add_up_to_the_scene_and_none_is_a_single_beat():
    for metre in (3, 4):
        for beats in range(2, 60):
            assert sum(bar_sizes(beats, metre)) == beats
            assert all(2 <= size <= metre + 1 for size in bar_sizes(beats, metre))


def test_instruments_enter_with_the_energy_of_the_scene():
    score = compose([Passage(frames=120, energy=0.3), Passage(frames=120, energy=0.95)], 30, "warm", 3)
    quiet = {n.instrument for n in score.notes if n.start < score.cuts[0]}
    full = {n.instrument for n in score.notes if n.start >= score.cuts[0]}
    assert quiet <= {"pad", "piano", "riser", "bell"}
    assert full >= {"bass", "kick", "rim", "shaker", "pluck", "strings"}


def test_a_featured_instrument_plays_below_its_entry():
    passages = [Passage(frames=120, energy=0.3), Passage(frames=120, energy=0.3, features=("strings",))]
    score = compose(passages, 30, "warm", 3)
    assert min(n.start for n in score.notes if n.instrument == "strings") == score.cuts[0]


def test_drums_hold_their_breath_before_a_quieter_scene():
    passages = [Passage(frames=120, energy=0.9), Passage(frames=120, energy=0.3), Passage(frames=120, energy=0.3)]
    score = compose(passages, 30, "upbeat", 3)
    drums = {n.start for n in score.notes if n.instrument in ("kick", "shaker")}
    assert not [start for start in drums if score.cuts[0] - 47_000 < start < score.cuts[0] - 1000]
    assert [start for start in drums if score.cuts[0] - 96_000 < start < score.cuts[0] - 48_000]


def test_a_riser_leads_only_into_fuller_scenes():
    score = compose(film(), 30, "warm", 2)
    ends = {n.start + n.length for n in score.notes if n.instrument == "riser"}
    opening = min(note.start for note in score.notes if note.instrument == "bell")
    assert ends == {opening, *score.cuts[:-1]}


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("seconds", [(4.0,), (3.0, 5.0, 3.0), (4.0,) * 7])
def test_the_last_chord_is_the_tonic_and_has_time_to_ring(mood, seconds):
    score = compose(film(seconds), 30, mood, 4)
    basses = [n for n in score.notes if n.instrument == "piano"]
    last = max(n.start for n in score.notes if n.instrument == "bell")
    tonic = min(n.pitch for n in basses if last <= n.start)
    assert score.duration_samples - last >= 1.7 * 48_000
    name = score.key.removesuffix(" major")
    assert ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")[tonic % 12] == name
    assert not [n for n in score.notes if n.instrument in ("shaker", "rim") and n.start > last]


def test_equal_arguments_give_equal_scores_and_seeds_differ():
    assert compose(film(), 30, "dusk", 7) == compose(film(), 30, "dusk", 7)
    melodies = {
        tuple((n.start, n.pitch) for n in compose(film(), 30, "dusk", seed).notes if n.instrument == "lead")
        for seed in range(8)
    }
    assert len(melodies) >= 7


def test_a_longer_last_scene_leaves_the_beginning_as_it_was():
    short, long = (compose(film((4.0,) * 6 + (last,)), 30, "warm", 1) for last in (4.0, 8.0))
    until = 20 * 48_000
    assert [n for n in short.notes if n.start < until] == [n for n in long.notes if n.start < until]


def check_notes(score: Score) -> None:
    for note in score.notes:
        assert note.instrument in INSTRUMENTS
        assert 0 < note.velocity <= 1
        assert -1 <= note.pan <= 1
        assert note.length > 0
        assert 0 <= note.start < score.duration_samples
        assert note.pitch == 0 or 28 <= note.pitch <= 100


@pytest.mark.parametrize("mood", MOODS)
def test_every_note_is_in_range(mood):
    check_notes(compose(film((4.0,) * 40), 30, mood, 11))


@pytest.mark.parametrize("mood", MOODS)
def test_any_scenes_can_be_played(mood):
    rng = np.random.default_rng(5)
    for seed in range(40):
        seconds = tuple(rng.choice((0.04, 0.5, 1.3, 2, 2.5, 3, 3.37, 4, 6, 10), rng.integers(1, 8)))
        score = compose(film(seconds, tuple(rng.uniform(0, 1, 7))), 30, mood, seed)
        check_notes(score)
        assert set(score.cuts) <= set(score.beats)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("seconds", [(4.0,) * 7, (2.5,) * 6, (9.0, 4.0), (4.0,)])
def test_nothing_is_struck_under_the_fade_in_and_the_first_stroke_follows_at_once(mood, seconds):
    notes = compose(film(seconds), 30, mood, 3).notes
    struck = [n for n in notes if n.instrument not in ("pad", "strings", "riser")]
    assert {n.instrument for n in notes if n.start == 0} >= {"pad", "riser"}
    assert 24_000 - 1 <= min(n.start for n in struck) <= 48_000
    first = [n for n in struck if n.start == min(n.start for n in struck)]
    assert {n.instrument for n in first} >= {"piano", "bell"}


def sounding(score: Score, at: int, *instruments: str) -> set[int]:
    return {n.pitch for n in score.notes if n.instrument in instruments and n.start <= at < n.start + n.length}


@pytest.mark.parametrize("mood", MOODS)
def test_held_notes_of_the_melody_rub_against_no_voice_of_the_chord(mood):
    for seed in range(12):
        score = compose(film(), 30, mood, seed)
        beats = set(score.beats)
        for note in score.notes:
            if note.instrument == "lead" and (note.start in beats or note.length > 0.6 * 60 * 48_000 / score.bpm):
                below = sounding(score, note.start, "pad", "bass") - {note.pitch}
                assert not {note.pitch - 1, note.pitch + 1} & below
                assert (note.pitch - 1) % 12 not in {pitch % 12 for pitch in sounding(score, note.start, "pad")}


@pytest.mark.parametrize("mood", MOODS)
def test_almost_no_semitones_ring_together(mood):
    """Semitones between notes that sound at once: passing notes, about a second of a film of 28."""
    clashing = 0
    for seed in range(10):
        notes = [n for n in compose(film(), 30, mood, seed).notes if n.pitch and n.instrument != "lead"]
        for index, note in enumerate(notes):
            for other in notes[index + 1 :]:
                if other.start > note.start + 200_000:
                    break
                together = min(note.start + note.length, other.start + other.length) - other.start
                clashing += max(0, together) if abs(note.pitch - other.pitch) == 1 else 0
    assert clashing / 48_000 < 10 * 1.4


def melody(score: Score, first: int, last: int) -> list:
    return [n for n in score.notes if n.instrument == "lead" and first <= n.start < last]


@pytest.mark.parametrize("mood", ["warm", "upbeat", "dusk", "elegant"])
def test_scenes_share_one_motif_on_their_own_chords(mood):
    score = compose(film(energies=(0.7,) * 7), 30, mood, 4)
    edges = (0, *score.cuts)
    tunes = [melody(score, edge, edge + 192_000) for edge in edges[1:6]]
    rhythms = {tuple(n.start - edge for n in tune) for edge, tune in zip(edges[1:6], tunes, strict=True)}
    assert len(rhythms) == 1
    assert len({tuple(n.pitch for n in tune) for tune in tunes}) >= 3


@pytest.mark.parametrize("mood", MOODS)
def test_a_melody_moves_in_small_steps_and_rises_to_the_climax(mood):
    leaps, quiet, full = [], [], []
    for seed in range(12):
        score = compose(film(), 30, mood, seed)
        tune = melody(score, 0, score.duration_samples)
        leaps += [abs(b.pitch - a.pitch) for a, b in pairwise(tune)]
        quiet += [n.pitch for n in melody(score, score.cuts[1], score.cuts[2])]
        full += [n.pitch for n in melody(score, score.cuts[4], score.cuts[5])]
    assert np.mean(leaps) < 4.5
    assert max(leaps) <= 12
    assert np.mean(full) > np.mean(quiet)


def test_the_bass_leads_into_the_next_chord_in_full_scenes():
    score = compose(film(energies=(0.9,) * 7), 30, "warm", 2)
    basses = [n for n in score.notes if n.instrument == "bass"]
    steps = [
        abs(after.pitch - before.pitch)
        for before, after in pairwise(basses)
        if after.start in score.cuts and before.pitch != after.pitch
    ]
    assert len(steps) > 3
    assert set(steps) <= {1, 2, 5, 7}  # a step, or the fifth of a bass that stays


def test_the_last_chord_is_reached_in_a_slower_bar():
    score = compose(film(), 30, "warm", 1)
    steps = np.diff([beat for beat in score.beats if beat >= score.cuts[-1]])
    assert steps[0] <= steps[1] <= steps[2] <= steps[3]
    assert steps[3] == pytest.approx(24_000 * 1.11, rel=0.02)


def test_voices_move_by_less_than_a_third_on_average():
    previous, moves = None, []
    for symbol in ["Cadd9", "G/B", "Am7", "Fmaj7", "C/E", "Dm9", "Gsus4", "Cadd9"]:
        voicing = voice(parse_chord(symbol), previous)
        if previous:
            moves += [abs(a - b) for a, b in zip(voicing, previous, strict=True)]
        previous = voicing
    assert sum(moves) / len(moves) < 3


def test_an_unknown_chord_symbol_is_refused():
    with pytest.raises(ValueError, match="H7"):
        parse_chord("H7")


def test_a_film_without_scenes_and_an_unknown_mood_are_refused_with_a_remedy():
    with pytest.raises(BadInput, match="at least one scene"):
        compose([], 30, "warm", 1)
    with pytest.raises(BadBrief, match="Use one of warm"):
        compose(film(), 30, "grumpy", 1)
