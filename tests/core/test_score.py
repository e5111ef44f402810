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


@pytest.mark.parametrize("mood", MOODS)
def test_four_second_scenes_are_two_bars_of_120_in_every_mood(mood):
    score = compose(film(), 30, mood, 1)
    assert score.bpm == 120
    assert score.cuts == tuple(192_000 * i for i in range(1, 7))
    assert score.duration_samples == 28 * 48_000


@pytest.mark.parametrize(
    ("seconds", "bpm"),
    [((3.5,) * 4, 60 * 8 / 3.5), ((3.0, 5.0, 4.0), 120.0), ((5.0,) * 3, 96.0), ((4.0,), 120.0)],
)
def test_the_tempo_puts_cuts_on_downbeats_or_at_least_on_beats(seconds, bpm):
    assert choose_tempo(seconds, 116) == pytest.approx(bpm)


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
    for beats in range(2, 60):
        assert sum(bar_sizes(beats)) == beats
        assert all(2 <= size <= 5 for size in bar_sizes(beats))


def test_instruments_enter_with_the_energy_of_the_scene():
    score = compose([Passage(frames=120, energy=0.3), Passage(frames=120, energy=0.95)], 30, "warm", 3)
    quiet = {n.instrument for n in score.notes if n.start < score.cuts[0]}
    full = {n.instrument for n in score.notes if n.start >= score.cuts[0]}
    assert quiet <= {"pad", "piano", "riser"}
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
    assert ends == set(score.cuts[:-1])


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


@pytest.mark.parametrize("mood", MOODS)
def test_every_note_is_in_range(mood):
    for note in compose(film((4.0,) * 40), 30, mood, 11).notes:
        assert note.instrument in INSTRUMENTS
        assert 0 < note.velocity <= 1
        assert -1 <= note.pan <= 1
        assert note.length > 0
        assert note.pitch == 0 or 28 <= note.pitch <= 100


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
