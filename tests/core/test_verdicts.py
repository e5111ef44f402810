"""Every asset check can fail: from an all-good base, one signal at a time is turned, and one check with it."""

from typing import Any

import pytest

from property_video.core.camera import Framing, Move, Shot
from property_video.core.orders import Orders, SceneOrder, TrackOrder
from property_video.core.outputs import Clip, MediaRef, Take, Track
from property_video.core.pairing import Pair, ShotList
from property_video.core.photo import Photo, Reading, Rejection, UploadedPhotos
from property_video.core.probe import AudioProbe, ClipMeasures, Probe, VideoProbe
from property_video.core.sound import TrackMeasures
from property_video.core.verdicts import (
    CLIP_CHECKS,
    FILM_CHECKS,
    PAIR_CHECKS,
    PHOTO_CHECKS,
    TRACK_CHECKS,
    FailedVerification,
    Finding,
    judge_clip,
    judge_film,
    judge_maker,
    judge_makers,
    judge_orders,
    judge_pairs,
    judge_photos,
    judge_track,
    require,
)

FRAMES = 120
SHOT = Shot(move=Move(name="push", title="Push", start=Framing(zoom=1.0), end=Framing(zoom=1.1)), frames=FRAMES, seed=0)

VIDEO = VideoProbe(
    codec="h264",
    profile="High",
    pix_fmt="yuv420p",
    width=1920,
    height=1080,
    real_rate="30/1",
    average_rate="30/1",
    time_base="1/15360",
    frames=FRAMES,
    duration=4.0,
    color_range=1,
    color_space=1,
    color_transfer=1,
    color_primaries=1,
    sample_aspect_ratio="1:1",
    key_frames=(0, 60),
    closed_gop=True,
    pts_gaps=(512,),
)
AUDIO = AudioProbe(codec="aac", profile="LC", rate=48_000, channels=2, bit_rate=192_000, duration=4.0)
PICTURE = Probe(container="mp4", file_bytes=1, duration=4.0, moov_first=True, video=VIDEO, audio=None, tags={})
FILM = PICTURE.model_copy(update={"audio": AUDIO})
PIXELS = ClipMeasures(
    ssim_first=0.985,
    ssim_last=0.985,
    darkest_luma=60.0,
    smallest_change=0.4,
    largest_change=1.2,
    sampled_frames=18,
    photo_luma=110.0,
    photo_detail=40.0,
)
SOUND = TrackMeasures(
    duration_s=4.0,
    samples=192_000,
    sample_rate=48_000,
    channels=2,
    lufs=-14.0,
    true_peak_dbtp=-1.4,
    loudness_range=5.0,
    dc=0.0,
    clipped=0,
    first_20ms_dbfs=-70.0,
    last_20ms_dbfs=-70.0,
    mono_db=-0.5,
    correlation=0.8,
)
TAKE = Take(
    fingerprint="f1",
    media=MediaRef(key="media/aa/a.mp4", bytes=1),
    stills=(),
    provider="embedded",
    frames=FRAMES,
    measures=PIXELS,
    wall_s=1.0,
    cpu_s=1.0,
)
CLIP = Clip(scene="scene_1", number=1, title="The hook", take=TAKE, first="a.jpg")
TRACK = Track(
    fingerprint="t1",
    media=MediaRef(key="media/bb/b.wav", bytes=1),
    provider="embedded",
    mood="warm",
    seed=0,
    frames=FRAMES,
    cuts=(),
    measures=SOUND,
    wall_s=1.0,
    cpu_s=1.0,
)
LEFT_OUT = Clip(scene="scene_2", number=2, title="Hero bedroom", left_out="No photo is left that shows bedroom.")


def with_video(probe: Probe, **changes: Any) -> Probe:
    return probe.model_copy(update={"video": VIDEO.model_copy(update=changes)})


def with_audio(**changes: Any) -> Probe:
    return FILM.model_copy(update={"audio": AUDIO.model_copy(update=changes)})


def with_pixels(**changes: float) -> ClipMeasures:
    return PIXELS.model_copy(update=changes)


def with_sound(**changes: float) -> TrackMeasures:
    return SOUND.model_copy(update=changes)


def failed(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    """Check and severity of what did not pass."""
    return {(finding.check, finding.severity) for finding in findings if not finding.passed}


def checks(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.check for finding in findings}


WRONG_PICTURES = [
    {"codec": "hevc"},
    {"profile": "Main"},
    {"pix_fmt": "yuv444p"},
    {"width": 1280},
    {"height": 1088},
    {"real_rate": "25/1"},
    {"average_rate": "2999/100"},
    {"pts_gaps": (512, 1024)},
    {"frames": FRAMES - 1},
    {"color_range": 2},
    {"color_space": 5},
    {"color_transfer": 2},
    {"color_primaries": 9},
    {"key_frames": (0,)},
    {"key_frames": (1, 60)},
    {"key_frames": ()},
    {"closed_gop": False},
]

WRONG_SOUNDS = [
    {"lufs": -14.51},
    {"lufs": -13.49},
    {"lufs": -120.0},
    {"true_peak_dbtp": -0.99},
    {"first_20ms_dbfs": -49.0},
    {"last_20ms_dbfs": -49.0},
]


# --- clips


def test_a_good_clip_passes_and_every_check_of_clips_has_findings():
    found = judge_clip(PICTURE, PIXELS, SHOT)
    assert failed(found) == set()
    assert checks(found) | {judge_maker("embedded", ()).check} == set(CLIP_CHECKS)


@pytest.mark.parametrize("change", WRONG_PICTURES, ids=str)
def test_a_clip_of_another_format_fails(change):
    assert failed(judge_clip(with_video(PICTURE, **change), PIXELS, SHOT)) == {("picture_format", "error")}


def test_a_clip_with_sound_fails():
    assert failed(judge_clip(FILM, PIXELS, SHOT)) == {("picture_format", "error")}


def test_a_clip_without_a_picture_fails():
    nothing = PICTURE.model_copy(update={"video": None})
    assert failed(judge_clip(nothing, PIXELS, SHOT)) == {("picture_format", "error")}


@pytest.mark.parametrize("signal", ["ssim_first", "ssim_last"])
def test_a_clip_that_does_not_begin_and_end_on_its_photos_fails(signal):
    passing, failing = with_pixels(**{signal: 0.95}), with_pixels(**{signal: 0.9499})
    assert failed(judge_clip(PICTURE, passing, SHOT)) == set()
    assert failed(judge_clip(PICTURE, failing, SHOT)) == {("starts_and_ends_on_its_photos", "error")}


@pytest.mark.parametrize("change", [{"darkest_luma": 19.9}, {"smallest_change": 0.0, "largest_change": 0.0}], ids=str)
def test_a_clip_that_is_black_or_frozen_fails(change):
    assert failed(judge_clip(PICTURE, with_pixels(**change), SHOT)) == {("moves", "error")}


def test_a_clip_may_be_as_dark_and_as_blank_as_its_photo():
    night = with_pixels(darkest_luma=16.5, photo_luma=16.6)
    assert failed(judge_clip(PICTURE, night, SHOT)) == set()
    wall = with_pixels(smallest_change=0.0, largest_change=0.0, photo_detail=0.5)
    assert failed(judge_clip(PICTURE, wall, SHOT)) == {("moves", "warn")}


# --- tracks


def test_a_good_track_passes_and_every_check_of_tracks_has_findings():
    found = judge_track(SOUND, FRAMES)
    assert failed(found) == set()
    assert checks(found) | {judge_maker("embedded", ()).check} == set(TRACK_CHECKS)


@pytest.mark.parametrize("change", [{"samples": 191_999}, {"sample_rate": 44_100}, {"channels": 1}], ids=str)
def test_a_track_of_another_length_or_shape_fails(change):
    assert failed(judge_track(with_sound(**change), FRAMES)) == {("length", "error")}


@pytest.mark.parametrize("change", WRONG_SOUNDS, ids=str)
def test_a_track_that_sounds_wrong_fails(change):
    assert failed(judge_track(with_sound(**change), FRAMES)) == {("loudness", "error")}


# --- films


def test_a_good_film_passes_and_every_check_of_films_has_findings():
    found = judge_film(FILM, SOUND, [CLIP, LEFT_OUT])
    assert failed(found) == set()
    assert checks(found) | {judge_maker("embedded", ()).check} == set(FILM_CHECKS)


@pytest.mark.parametrize("change", WRONG_PICTURES, ids=str)
def test_a_film_of_another_format_fails(change):
    assert failed(judge_film(with_video(FILM, **change), SOUND, [CLIP])) == {("picture_format", "error")}


def test_a_film_that_is_not_the_sum_of_its_scenes_fails():
    found = failed(judge_film(FILM, SOUND, [CLIP, CLIP]))
    assert {("picture_format", "error"), ("length", "error")} <= found


@pytest.mark.parametrize(
    "change", [{"codec": "mp3"}, {"profile": "HE-AAC"}, {"rate": 44_100}, {"channels": 1}], ids=str
)
def test_a_film_with_sound_of_another_format_fails(change):
    assert failed(judge_film(with_audio(**change), SOUND, [CLIP])) == {("sound_format", "error")}


@pytest.mark.parametrize("duration", [3.96, 4.04])
def test_a_film_whose_sound_ends_more_than_a_frame_off_fails(duration):
    assert failed(judge_film(with_audio(duration=duration), SOUND, [CLIP])) == {("length", "error")}


def test_a_silent_film_fails():
    assert failed(judge_film(PICTURE, SOUND, [CLIP])) == {("sound_format", "error"), ("length", "error")}


@pytest.mark.parametrize("change", WRONG_SOUNDS, ids=str)
def test_a_film_that_sounds_wrong_fails(change):
    assert failed(judge_film(FILM, with_sound(**change), [CLIP])) == {("loudness", "error")}


def test_a_film_that_plays_only_when_it_is_whole_fails():
    late = FILM.model_copy(update={"moov_first": False})
    assert failed(judge_film(late, SOUND, [CLIP])) == {("plays_at_once", "error")}


# --- orders


@pytest.fixture
def orders() -> Orders:
    return Orders.model_construct(
        scenes=(
            SceneOrder(scene="scene_1", number=1, title="The hook", fingerprint="f1"),
            SceneOrder(scene="scene_2", number=2, title="Hero bedroom", left_out="No photo is left."),
        ),
        track=TrackOrder(passages=(), fps=30, mood="warm", seed=0, fingerprint="t1"),
    )


def test_pieces_that_were_ordered_pass(orders):
    assert failed(judge_orders(orders, [CLIP, LEFT_OUT], "t1")) == set()


@pytest.mark.parametrize(
    ("clips", "track", "check"),
    [
        ([CLIP.model_copy(update={"take": TAKE.model_copy(update={"fingerprint": "f0"})}), LEFT_OUT], "t1", "picture"),
        ([CLIP.model_copy(update={"take": None, "left_out": "Gone."}), LEFT_OUT], "t1", "picture"),
        ([CLIP, LEFT_OUT.model_copy(update={"take": TAKE})], "t1", "picture"),
        ([CLIP, LEFT_OUT, CLIP.model_copy(update={"scene": "scene_7"})], "t1", "picture"),
        ([CLIP, LEFT_OUT], "t0", "sound"),
    ],
    ids=["stale", "left out though ordered", "there though left out", "of no scene", "stale track"],
)
def test_pieces_that_were_not_ordered_fail(orders, clips, track, check):
    assert failed(judge_orders(orders, clips, track)) == {(f"{check}_format", "error")}


# --- photos


def photos(count: int, *rejected: Rejection) -> UploadedPhotos:
    reading = Reading(sha256="0" * 64, file_bytes=1, format="JPEG", width=1280, height=800)
    return UploadedPhotos(
        photos=tuple(Photo(name=f"{n}.jpg", reading=reading, working="w", preview="p") for n in range(count)),
        rejected=rejected,
        listing="l",
        source="/photos",
    )


def test_plenty_of_photos_pass_and_every_check_of_photos_has_findings():
    found = judge_photos(photos(14))
    assert failed(found) == set()
    assert checks(found) == set(PHOTO_CHECKS)


@pytest.mark.parametrize(
    ("uploaded", "wrong"),
    [
        (photos(13), {("photos_for_every_scene", "warn")}),
        (photos(0), {("usable_photos", "error"), ("photos_for_every_scene", "warn")}),
        (photos(14, Rejection(file="a.tif", reason="is TIFF.", remedy="Export.")), {("every_file_usable", "warn")}),
    ],
)
def test_few_photos_warn_and_none_fail(uploaded, wrong):
    assert failed(judge_photos(uploaded)) == wrong


# --- pairs


def shot_list(*pairs: tuple[str, str]) -> ShotList:
    return ShotList(
        storyboard="luxury_property",
        pairs=tuple(
            Pair(scene=f"scene_{n}", number=n, title="", first=first, last=last, left_out="" if first else "No photo.")
            for n, (first, last) in enumerate(pairs, start=1)
        ),
    )


def test_good_pairs_pass_and_every_check_of_pairs_has_findings():
    found = judge_pairs(shot_list(("a", "b"), ("c", ""), ("d", "e")))
    assert failed(found) == set()
    assert checks(found) == set(PAIR_CHECKS)


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ([("a", "b"), ("b", "c")], {("photos_differ", "warn")}),
        ([("a", ""), ("a", "b")], {("photos_differ", "warn")}),
        ([("a", "b"), ("", ""), ("b", "c")], {("photos_differ", "warn"), ("every_scene_filled", "warn")}),
        ([("a", "a"), ("b", "c")], {("photos_differ", "error"), ("photos_differ", "warn")}),
        ([("a", "b"), ("", "")], {("every_scene_filled", "warn")}),
        ([("", "")], {("scenes", "error"), ("every_scene_filled", "warn")}),
    ],
)
def test_pairs_that_break_a_rule_fail(pairs, wrong):
    assert failed(judge_pairs(shot_list(*pairs))) == wrong


# --- what follows


def test_only_errors_stop_a_step_and_all_findings_are_told():
    warn = Finding(check="a", name="b", passed=False, found="c", severity="warn")
    require("clip", [warn])
    wrong = Finding(check="d", name="loud", passed=False, found="-9 LUFS")
    with pytest.raises(FailedVerification, match="clip did not pass verification: loud: -9 LUFS") as told:
        require("clip", [warn, wrong])
    assert told.value.findings == (warn, wrong)


# --- makers


def test_a_film_says_who_stands_in_and_how_to_ask_again():
    assert judge_makers([CLIP, LEFT_OUT], TRACK).passed
    fallen = CLIP.model_copy(update={"fell": ("replicate:a/b: It failed.",)})
    found = judge_makers([fallen, LEFT_OUT], TRACK)
    assert (found.passed, found.severity) == (False, "warn")
    assert "scene_1: replicate:a/b: It failed." in found.found
    assert "upgrade CAMPAIGN --fallen" in found.found


def test_a_second_choice_that_delivered_is_told_and_not_asked_again():
    second = TAKE.model_copy(update={"provider": "replicate:c/d"})
    found = judge_makers([CLIP.model_copy(update={"take": second, "fell": ("replicate:a/b: It failed.",)})], TRACK)
    assert not found.passed
    assert "--fallen" not in found.found
