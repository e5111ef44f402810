"""Any clip becomes one with the film's exact parameters, or is refused with a reason."""

import struct
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from foreign_kit import luma_of, pan, shifts, texture, write_clip, zoom
from picture_kit import PUSH, room, save

from property_video.core.camera import Shot
from property_video.core.errors import BadOutput, BadPhoto
from property_video.core.film import FilmFormat
from property_video.core.foreign import judge_conformed, moments, shown_once
from property_video.core.verdicts import require
from property_video.media.conform import conform
from property_video.media.pictures import frames_at
from property_video.media.probe import probe
from property_video.media.render import render_clip

TINY = FilmFormat(width=320, height=180)
SIZE = (320, 180)
SCENE = 30


@cache
def slide(number, fps, size):
    return pan(size, 60.0, 8.0)(number / fps)


def slides(count, fps=24, size=SIZE):
    return [slide(number, fps, size) for number in range(count)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A sound clip of as many frames as the scene has."""
    return write_clip(tmp_path_factory.mktemp("plain") / "clip.mp4", slides(SCENE))


@pytest.mark.parametrize(
    ("size", "fps", "count", "how"),
    [
        (SIZE, 24, 30, {}),
        ((426, 240), Fraction(24000, 1001), 25, {"sound": True}),
        ((256, 256), 16, 16, {"pix_fmt": "yuv444p"}),
        ((180, 320), 25, 40, {"pix_fmt": "yuv420p10le", "matrix": 9}),
        ((480, 180), 60, 60, {"color_range": 2}),
        ((160, 180), 30, 29, {"sar": Fraction(2, 1), "matrix": 2}),
    ],
    ids=["as it is", "480p with sound", "square at 16 fps", "portrait, 10 bits", "wide at 60 fps", "anamorphic"],
)
def test_any_clip_comes_out_with_the_films_exact_parameters(size, fps, count, how, tmp_path):
    source = write_clip(tmp_path / "source.mp4", slides(count, float(fps), size), fps, **how)
    done = conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    found = probe(tmp_path / "clip.mp4")
    require("clip", judge_conformed(found, done, SCENE, TINY))
    assert found.video.sample_aspect_ratio == "1/1" and found.moov_first
    assert done.source.frames == count
    assert done.source.sound == ("sound" in how)
    assert (done.source.width, done.source.height) == size
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_conformed_clip_joins_a_rendered_one_by_stream_copy(plain, tmp_path):
    import av

    photo = save(room(640, 400), tmp_path / "photo.jpg")
    render_clip(photo, None, Shot(move=PUSH, frames=SCENE, film=TINY), tmp_path / "rendered.mp4")
    conform(plain, SCENE, TINY, tmp_path / "conformed.mp4")
    headers = []
    for name in ("rendered.mp4", "conformed.mp4"):
        with av.open(str(tmp_path / name)) as container:
            headers.append(bytes(container.streams.video[0].codec_context.extradata))
    assert headers[0] == headers[1]


def test_a_clip_of_as_many_frames_is_taken_frame_by_frame_whatever_its_rate(plain, tmp_path):
    done = conform(plain, SCENE, TINY, tmp_path / "clip.mp4")
    assert done.interpolated == 0
    assert done.speed == pytest.approx(30 / 24, rel=0.01)
    came, went = luma_of(plain), luma_of(tmp_path / "clip.mp4")
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(came, went, strict=True)) < 2.0


@pytest.mark.parametrize("fps", [24, 25, 16])
@pytest.mark.parametrize("motion", ["pan", "zoom"])
def test_frames_in_between_lie_where_the_motion_is(fps, motion, tmp_path):
    """Residual to the ideal path, codec included; repeating frames leaves 0.7 to 1.1 px RMS on this pan."""
    at = pan(SIZE, 60.0) if motion == "pan" else zoom(SIZE, 0.06)
    source = write_clip(tmp_path / "source.mp4", [at(number / fps) for number in range(fps)], fps)
    done = conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert done.interpolated > SCENE / 2 and done.reliable > 0.9
    ideal = [at(place / fps) for place in np.linspace(0, fps - 1, SCENE)]
    error = shifts(luma_of(tmp_path / "clip.mp4"), ideal)
    assert np.sqrt((error**2).sum(axis=1).mean()) < 0.15
    assert np.abs(error).max() < 0.4


def test_first_and_last_frame_stay_first_and_last_in_longer_and_shorter_clips(tmp_path):
    for count in (12, 75):
        pictures = slides(count)
        source = write_clip(tmp_path / f"{count}.mp4", pictures)
        conform(source, SCENE, TINY, tmp_path / "clip.mp4")
        went = luma_of(tmp_path / "clip.mp4")
        ends = np.abs(shifts([went[0], went[-1]], [pictures[0], pictures[-1]]))
        assert ends.max() < 0.15


def test_a_clip_of_uneven_rate_moves_evenly(tmp_path):
    rng = np.random.default_rng(2)
    times = np.concatenate([[0.0], np.sort(rng.choice(np.arange(1, 99), 40, replace=False)) / 100, [1.0]])
    at = pan(SIZE, 60.0)
    source = write_clip(tmp_path / "source.mp4", [at(t) for t in times], 100, times=list(times))
    done = conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert done.source.uneven
    error = shifts(luma_of(tmp_path / "clip.mp4"), [at(t) for t in np.linspace(0, 1, SCENE)])
    assert np.sqrt((error**2).sum(axis=1).mean()) < 0.2


def test_frames_that_only_fill_up_the_rate_are_left_out(tmp_path):
    at = pan(SIZE, 60.0)
    filled = [at((number - number // 5) / 24) for number in range(SCENE)]  # every fifth shows the one before again
    source = write_clip(tmp_path / "source.mp4", filled, 30)
    done = conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert done.source.repeats == 5
    steps = np.diff(shifts(luma_of(tmp_path / "clip.mp4"), [at(t) for t in np.linspace(0, 24 / 24, SCENE)])[:, 0])
    assert np.abs(steps).max() < 0.3  # a repeated frame would be a step of 2 pixels


def test_stillness_without_a_beat_is_kept():
    moving = [1.0] * 40
    assert shown_once(moving) == tuple(range(41))
    assert shown_once([0.01] * 8 + moving) == tuple(range(49))
    assert shown_once([0.0] * 10) == tuple(range(11))
    beat = [0.0 if number % 5 == 4 else 1.0 for number in range(40)]
    assert len(shown_once(beat)) == 33


def test_a_cut_inside_a_clip_is_not_blended(tmp_path):
    one, other = pan(SIZE, 30.0), pan(SIZE, 30.0, look=texture(11))
    pictures = [(one if number < 12 else other)(number / 24) for number in range(24)]
    source = write_clip(tmp_path / "source.mp4", pictures)
    conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    for frame, place in zip(luma_of(tmp_path / "clip.mp4"), moments(np.arange(24) / 24, SCENE), strict=True):
        likeness = [np.corrcoef(frame.ravel(), at(place / 24).ravel())[0, 1] for at in (one, other)]
        assert max(likeness) > 0.95


@pytest.mark.parametrize(
    ("matrix", "color_range", "pix_fmt"),
    [
        (1, 1, "yuv420p"),
        (5, 1, "yuv420p"),
        (1, 2, "yuv420p"),
        (5, 2, "yuv444p"),
        (9, 1, "yuv420p10le"),
        (2, 1, "yuv420p"),
    ],
    ids=["709", "601", "709 full", "601 full", "2020", "untagged"],
)
def test_colours_stay_whatever_matrix_and_range_a_clip_has(matrix, color_range, pix_fmt, tmp_path):
    picture = np.zeros((180, 320, 3), np.uint8)
    for number, colour in enumerate([(200, 30, 30), (30, 160, 60), (40, 60, 200), (190, 150, 90), (240, 240, 240)]):
        picture[:, number * 64 : number * 64 + 64] = colour
    grain = np.random.default_rng(1).integers(0, 12, (18, 32, 1)).repeat(10, 0).repeat(10, 1)
    pictures = [np.clip(picture + np.roll(grain, number, axis=1), 0, 255).astype(np.uint8) for number in range(SCENE)]
    # An untagged clip of this size is standard definition, hence BT.601.
    source = write_clip(
        tmp_path / "source.mp4", pictures, pix_fmt=pix_fmt, matrix=matrix, color_range=color_range, tag=matrix != 2
    )
    conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    [shown] = frames_at(tmp_path / "clip.mp4", [15])
    middles = np.concatenate([np.arange(number * 64 + 12, number * 64 + 52) for number in range(5)])
    error = shown[:, middles].astype(int) - pictures[15][:, middles]
    assert np.abs(error.reshape(180, 5, 40, 3).mean(axis=(0, 2))).max() < 3.0


@pytest.mark.parametrize(("matrix", "quarter"), [((0, 1, -1, 0), 1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 3)])
def test_a_turned_clip_is_set_upright(matrix, quarter, tmp_path):
    upright = slides(SCENE)
    stored = [np.ascontiguousarray(np.rot90(picture, quarter)) for picture in upright]
    source = write_clip(tmp_path / "source.mp4", stored)
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    source.write_bytes(data)
    done = conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert (done.source.width, done.source.height) == SIZE
    assert done.source.rotation == 90 * quarter % 360
    assert np.corrcoef(luma_of(tmp_path / "clip.mp4")[0].ravel(), upright[0].ravel())[0, 1] > 0.98


def test_a_clip_of_another_shape_is_cropped_in_the_middle_and_never_boxed(tmp_path):
    at = pan((320, 320), 60.0)
    pictures = [at(number / 24) for number in range(SCENE)]
    conform(write_clip(tmp_path / "source.mp4", pictures), SCENE, TINY, tmp_path / "clip.mp4")
    went = luma_of(tmp_path / "clip.mp4")
    assert np.abs(shifts(went[:1], [pictures[0][70:250]])).max() < 0.2
    assert min(frame[edge].std() for frame in went for edge in (0, -1)) > 10


def test_ends_are_compared_with_the_pictures_that_were_sent(plain, tmp_path):
    ends = []
    for name, picture in (("first", slides(SCENE)[0]), ("other", texture(9)(*np.mgrid[0:320, 0:180]).T)):
        rgb = np.repeat(((picture - 16) * 255 / 219).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)
        ends.append(save(rgb, tmp_path / f"{name}.png"))
    done = conform(plain, SCENE, TINY, tmp_path / "clip.mp4", first=ends[0], last=ends[1])
    assert done.ssim_first > 0.9 and done.ssim_last < 0.5
    warned = [f.name for f in judge_conformed(probe(tmp_path / "clip.mp4"), done, SCENE, TINY) if not f.passed]
    assert warned == ["last frame is near the last photo"]
    for apart, passed in ((0.25, True), (0.35, False)):
        looked_at = done.model_copy(update={"apart_last": apart})
        found = judge_conformed(probe(tmp_path / "clip.mp4"), looked_at, SCENE, TINY)
        assert all(f.passed for f in found if f.severity == "error") is passed
    with pytest.raises(BadPhoto, match="cannot be decoded"):
        conform(plain, SCENE, TINY, tmp_path / "clip.mp4", first=plain)


def frozen():
    return [slides(1)[0]] * SCENE


def black_in_the_middle():
    return [*slides(14), np.full((180, 320), 16.0), *slides(15)]


def half_frozen():
    pictures = slides(60)
    return [*pictures[:20], *[pictures[20]] * 40]


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        (frozen, "is frozen"),
        (black_in_the_middle, "has a black frame"),
        (lambda: [np.full((180, 320), 90.0 + number) for number in range(SCENE)], "one colour"),
        (lambda: slides(4), "has 4 frames, too few"),
        (lambda: slides(1), "has 1 frames, too few"),
    ],
)
def test_a_clip_that_shows_nothing_is_refused_with_the_reason(pictures, reason, tmp_path):
    source = write_clip(tmp_path / "source.mp4", pictures())
    with pytest.raises(BadOutput, match=reason):
        conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["source.mp4"]


def test_a_clip_that_stops_halfway_is_refused(tmp_path):
    with pytest.raises(BadOutput, match=r"stands still for 1\.\d of 2 seconds"):
        conform(write_clip(tmp_path / "source.mp4", half_frozen()), 60, TINY, tmp_path / "clip.mp4")


def test_a_night_scene_is_no_black_clip(tmp_path):
    deep = [16 + np.maximum(picture - 126, 0) / 10 for picture in slides(SCENE)]
    assert 16 < np.mean(deep[0]) < 20
    night = save(np.full((180, 320, 3), 1, np.uint8), tmp_path / "night.png")
    source = write_clip(tmp_path / "source.mp4", deep)
    with pytest.raises(BadOutput, match="black"):
        conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert conform(source, SCENE, TINY, tmp_path / "clip.mp4", first=night).source.darkest_luma < 20


@pytest.mark.parametrize("kind", ["cut short", "garbled", "a page", "empty", "sound only"])
def test_a_broken_file_is_refused_with_the_reason(kind, plain, tmp_path):
    whole = plain.read_bytes()
    source = tmp_path / "source.mp4"
    if kind == "cut short":
        whole = write_clip(tmp_path / "fast.mp4", slides(SCENE), index_first=True).read_bytes()
        (tmp_path / "fast.mp4").unlink()
        source.write_bytes(whole[: len(whole) * 6 // 10])
    elif kind == "garbled":
        start = whole.index(b"mdat") + len(whole) // 3
        source.write_bytes(whole[:start] + bytes(4000) + whole[start + 4000 :])
    elif kind == "a page":
        source.write_bytes(b"<html><body>502 Bad Gateway</body></html>")
    elif kind == "empty":
        source.write_bytes(b"")
    else:
        import wave

        with wave.open(str(source), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(16_000))
    with pytest.raises(BadOutput, match=r"source\.mp4 (is cut short|has|cannot be decoded)"):
        conform(source, SCENE, TINY, tmp_path / "clip.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["source.mp4"]


def test_the_same_clip_gives_the_same_bytes(plain, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        conform(plain, 24, TINY, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
