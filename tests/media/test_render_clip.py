import resource
import threading
from itertools import pairwise

import numpy as np
import pytest
from picture_kit import MOVES, SMALL, room, save

from property_video.core.camera import Pose, Shot, dissolve_span, poses
from property_video.core.errors import BadPhoto, StoreError, StoreFull
from property_video.core.film import FILM
from property_video.core.joins import Join
from property_video.media.frames import Painter, dissolve_weight, showings
from property_video.media.measure_clip import measure_clip, reframed_luma
from property_video.media.pictures import frames_at
from property_video.media.probe import probe
from property_video.media.render import render_clip
from property_video.media.resample import blank


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    return [save(room(1200, 800, seed), folder / f"{seed}.jpg") for seed in (1, 2)]


def test_a_full_size_clip_has_the_films_exact_parameters_and_starts_and_ends_on_its_photos(photos, tmp_path):
    shot = Shot(move=MOVES["push_in"], frames=90, seed=5)
    clip = tmp_path / "clip.mp4"
    render_clip(photos[0], photos[1], shot, clip)
    found = probe(clip)
    video = found.video
    assert video is not None and found.audio is None and found.moov_first
    assert (video.codec, video.profile, video.pix_fmt) == ("h264", "High", "yuv420p")
    assert (video.width, video.height, video.sample_aspect_ratio) == (1920, 1080, "1/1")
    assert (video.real_rate, video.average_rate, video.frames, video.duration) == ("30/1", "30/1", 90, 3.0)
    assert (video.color_range, video.color_space, video.color_transfer, video.color_primaries) == (1, 1, 1, 1)
    assert video.key_frames == (0, 60) and video.closed_gop
    assert len(video.pts_gaps) == 1
    measures = measure_clip(clip, photos[0], photos[1], shot)
    assert measures.ssim_first >= 0.95
    assert measures.ssim_last >= 0.95
    assert measures.darkest_luma > 40
    assert measures.smallest_change > 0.05


def test_a_joined_scene_of_leaning_photos_begins_and_ends_on_their_framings_without_a_step(tmp_path):
    """The last photo shows the first one's scene 8 % larger, a little aside, leaning and darker."""
    import cv2

    scene = room(1200, 800, seed=6)
    middle = (599.5, 399.5)
    matrix = cv2.getRotationMatrix2D(middle, -2.0, 1.08)  # positive is counter-clockwise
    matrix[:, 2] += (24.0, -12.0)
    first = save(scene, tmp_path / "day.png")
    last = save((0.7 * cv2.warpAffine(scene, matrix, (1200, 800))).astype(np.uint8), tmp_path / "dusk.png")
    join = Join(kind="aligned", scale=1.08, rotation=2.0, x=24 / 1200, y=-12 / 1200)
    shot = Shot(move=MOVES["pull_back"], frames=40, film=SMALL, join=join, last=Pose(roll=2.0))
    render_clip(first, last, shot, tmp_path / "clip.mp4")
    measures = measure_clip(tmp_path / "clip.mp4", first, last, shot)
    assert min(measures.ssim_first, measures.ssim_last) >= 0.95

    begin, end = dissolve_span(shot)
    seen = showings(first, last, shot)
    day, dusk = (
        reframed_luma(photo, showing.view(number), SMALL, pose).astype(float)
        for number in [(begin + end) // 2]
        for photo, showing, pose in zip((first, last), seen, poses(shot), strict=True)
    )
    assert np.corrcoef(day.ravel(), dusk.ravel())[0, 1] > 0.985


def test_measuring_against_the_wrong_photo_says_so(photos, tmp_path):
    shot = Shot(move=MOVES["breathe"], frames=20, film=SMALL)
    render_clip(photos[0], photos[1], shot, tmp_path / "clip.mp4")
    measures = measure_clip(tmp_path / "clip.mp4", photos[1], photos[0], shot)
    assert measures.ssim_first < 0.8
    assert measures.ssim_last < 0.8


def test_colours_come_back_as_they_were_in_the_photo(tmp_path):
    colour = (178, 74, 38)
    photo = save(np.full((720, 1080, 3), colour, np.uint8), tmp_path / "wood.png")
    shot = Shot(move=MOVES["push_in"], frames=8, film=SMALL, first=Pose(dusk=True))
    render_clip(photo, None, shot, tmp_path / "clip.mp4")
    (frame,) = frames_at(tmp_path / "clip.mp4", [4])
    assert np.abs(frame.reshape(-1, 3).mean(axis=0) - colour).max() < 2


def test_the_same_shot_gives_the_same_bytes_and_another_seed_other_bytes(photos, tmp_path):
    clips = [tmp_path / f"{n}.mp4" for n in range(3)]
    for clip, seed in zip(clips, (1, 1, 2), strict=True):
        render_clip(photos[0], photos[1], Shot(move=MOVES["sweep"], frames=24, seed=seed, film=SMALL), clip)
    assert clips[0].read_bytes() == clips[1].read_bytes()
    assert clips[0].read_bytes() != clips[2].read_bytes()


def test_a_dissolve_is_short_central_and_never_steps_in_brightness(tmp_path):
    bright = save(np.full((720, 1280, 3), 220, np.uint8), tmp_path / "bright.png")
    dark = save(np.full((720, 1280, 3), 60, np.uint8), tmp_path / "dark.png")
    shot = Shot(move=MOVES["push_in"], frames=60, film=SMALL)
    painter, planes, levels = Painter(bright, dark, shot), blank(SMALL), []
    for number in range(60):
        painter.paint(number, planes)
        levels.append(float(planes.y.mean()))
    blended = [n for n in range(60) if levels[0] > levels[n] > levels[-1]]
    assert blended == list(range(23, 37))
    steps = [before - after for before, after in pairwise(levels)]
    assert min(steps) >= 0
    assert max(steps) < 1.6 * (levels[0] - levels[-1]) / 14


@pytest.mark.parametrize("frames", [2, 3, 10, 15, 121])
def test_a_shot_of_any_length_begins_on_the_first_photo_alone_and_ends_on_the_last(frames):
    shot = Shot(move=MOVES["push_in"], frames=frames)
    weights = [dissolve_weight(frame, shot) for frame in range(frames)]
    assert weights[0] == 0 and weights[-1] == 1
    assert weights == sorted(weights)


@pytest.mark.parametrize("name", MOVES)
def test_successive_frames_always_differ_and_never_jump(photos, name):
    shot = Shot(move=MOVES[name], frames=120, seed=3)
    painter, planes, before, changes = Painter(photos[0], None, shot), blank(FILM), None, []
    for number in [0, 1, 2, 3, 60, 61, 62, 117, 118, 119]:
        painter.paint(number, planes)
        if before is not None and number not in (60, 117):
            changes.append(np.abs(planes.y[::3, ::3].astype(int) - before).mean())
        before = planes.y[::3, ::3].astype(int)
    assert min(changes) > 0.01
    assert max(changes) < 6


def test_progress_is_told_for_every_frame(photos, tmp_path):
    told = []
    shot = Shot(move=MOVES["breathe"], frames=9, film=SMALL)
    render_clip(photos[0], None, shot, tmp_path / "clip.mp4", lambda done, total: told.append((done, total)))
    assert told == [(n, 9) for n in range(1, 10)]


def test_an_interrupt_leaves_neither_a_file_nor_a_thread(photos, tmp_path):
    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    shot = Shot(move=MOVES["sweep"], frames=240, film=SMALL)
    with pytest.raises(KeyboardInterrupt):
        render_clip(photos[0], photos[1], shot, tmp_path / "clip.mp4", interrupt)
    assert list(tmp_path.iterdir()) == []
    assert "painter" not in {thread.name for thread in threading.enumerate()}


def test_a_photo_that_breaks_off_is_named_and_leaves_no_clip(photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[1].read_bytes()[:20_000])
    with pytest.raises(BadPhoto, match=r"broken\.jpg"):
        render_clip(photos[0], broken, Shot(move=MOVES["sweep"], frames=30, film=SMALL), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == [broken]


def test_a_full_disk_is_called_a_full_disk(photos, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(StoreFull, match="No space is left"):
            render_clip(photos[0], photos[1], Shot(move=MOVES["sweep"], frames=60, film=SMALL), tmp_path / "clip.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(photos, tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        render_clip(photos[0], None, Shot(move=MOVES["sweep"], frames=4, film=SMALL), tmp_path / "nowhere" / "clip.mp4")
