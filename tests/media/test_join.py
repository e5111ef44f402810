import wave

import av
import numpy as np
import pytest
from picture_kit import MOVES, SMALL, room, save

from property_video.core.camera import Shot
from property_video.core.errors import BadOutput
from property_video.core.film import FilmFormat
from property_video.media.join import join
from property_video.media.probe import probe
from property_video.media.render import render_clip

LENGTHS = (30, 47, 61)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    made = []
    for number, frames in enumerate(LENGTHS):
        photo = save(room(960, 640, number), folder / f"{number}.jpg")
        made.append(folder / f"{number}.mp4")
        render_clip(photo, None, Shot(move=MOVES["push_in"], frames=frames, seed=number, film=SMALL), made[-1])
    return made


def track(path, samples, rate=48_000, channels=2):
    tone = (8000 * np.sin(2 * np.pi * 440 / rate * np.arange(samples))).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())
    return path


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def test_a_film_is_exactly_its_clips_and_its_track(clips, tmp_path):
    film = tmp_path / "film.mp4"
    samples = sum(LENGTHS) * 1600
    join(clips, track(tmp_path / "t.wav", samples), film, SMALL, {"title": "A villa", "comment": "Photos 1 to 3"})
    found = probe(film)
    assert found.moov_first
    assert found.tags == {"title": "A villa", "comment": "Photos 1 to 3"}
    assert found.video is not None and found.audio is not None
    assert found.video.frames == sum(LENGTHS)
    assert len(found.video.pts_gaps) == 1
    assert found.video.duration == pytest.approx(sum(LENGTHS) / 30, abs=1e-9)
    assert found.video.key_frames == (0, 30, 77, 137) and found.video.closed_gop
    assert (found.audio.codec, found.audio.profile, found.audio.rate, found.audio.channels) == ("aac", "LC", 48_000, 2)
    assert found.audio.duration == pytest.approx(found.video.duration, abs=1 / 48_000)
    assert found.duration == pytest.approx(found.video.duration, abs=0.001)


def test_joining_copies_the_picture_packet_by_packet(clips, tmp_path):
    join(clips, None, tmp_path / "film.mp4", SMALL, {})
    assert packets(tmp_path / "film.mp4") == [packet for clip in clips for packet in packets(clip)]
    assert probe(tmp_path / "film.mp4").audio is None


def test_joining_twice_gives_the_same_bytes(clips, tmp_path):
    sound = track(tmp_path / "t.wav", sum(LENGTHS) * 1600)
    for name in ("a.mp4", "b.mp4"):
        join(clips, sound, tmp_path / name, SMALL, {"title": "x"})
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_sound_keeps_its_place_and_level_through_the_film(clips, tmp_path):
    samples = sum(LENGTHS) * 1600
    join(clips, track(tmp_path / "t.wav", samples), tmp_path / "film.mp4", SMALL, {})
    with av.open(str(tmp_path / "film.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    tone = 8000 / 32768 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(samples))
    middle = slice(48_000, 96_000)
    assert np.corrcoef(heard[middle], tone[middle])[0, 1] > 0.99
    assert heard[middle].std() == pytest.approx(tone[middle].std(), rel=0.02)


def test_a_clip_of_other_parameters_is_refused_by_name_before_anything_is_written(clips, tmp_path):
    other = tmp_path / "other.mp4"
    wide = FilmFormat(width=480, height=270)
    photo = save(room(480, 320), tmp_path / "p.jpg")
    render_clip(photo, None, Shot(move=MOVES["push_in"], frames=10, film=wide), other)
    with pytest.raises(BadOutput, match=r"other\.mp4.*size"):
        join([clips[0], other], None, tmp_path / "film.mp4", SMALL, {})
    with pytest.raises(BadOutput, match=r"other\.mp4.*size"):
        join([other], None, tmp_path / "film.mp4", SMALL, {})
    assert not (tmp_path / "film.mp4").exists()


def test_a_clip_encoded_with_other_h264_parameters_is_refused(clips, tmp_path):
    other = tmp_path / "other.mp4"
    with av.open(str(other), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = SMALL.width, SMALL.height, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(SMALL.width, SMALL.height, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(BadOutput, match=r"H\.264 parameters"):
        join([clips[0], other], None, tmp_path / "film.mp4", SMALL, {})


@pytest.mark.parametrize(
    ("samples", "rate", "channels", "reason"),
    [
        (1600 * 20, 48_000, 2, "samples"),
        (1600 * 32, 48_000, 2, "samples"),
        (44_100, 44_100, 2, "44100"),
        (48_000, 48_000, 1, "1 chan"),
    ],
)
def test_a_track_of_another_length_or_form_is_refused(clips, tmp_path, samples, rate, channels, reason):
    sound = track(tmp_path / "t.wav", samples, rate, channels)
    with pytest.raises(BadOutput, match=reason):
        join(clips[:1], sound, tmp_path / "film.mp4", SMALL, {})
    assert {path.name for path in tmp_path.iterdir()} == {"t.wav"}


def test_a_film_of_no_clips_is_refused(tmp_path):
    with pytest.raises(BadOutput, match="at least one"):
        join([], None, tmp_path / "film.mp4", SMALL, {})
